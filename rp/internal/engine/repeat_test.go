package engine

import (
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

func numbered(n int) store.Key { return store.Key{1, byte(n), byte(n >> 8), byte(n >> 16)} }

func endAt(after time.Duration) pastEnd { return pastEnd{end: store.End{At: morning.Add(after)}} }

// What is repeated after a failover: the ends of the last five minutes, and 10,000 of them at most,
// the latest ones.
func TestPastEndsAreForgotten(t *testing.T) {
	l := &pastEnds{}
	for _, after := range []time.Duration{0, time.Second, 5 * time.Minute} {
		l.made(endAt(after), []store.Record{{Key: numbered(int(after / time.Second))}}, nil)
	}
	for now, want := range map[time.Duration]int{
		5 * time.Minute: 3, 5*time.Minute + 1: 2, 5*time.Minute + time.Second: 2,
		5*time.Minute + time.Second + 1: 1, 10 * time.Minute: 1, 10*time.Minute + 1: 0,
	} {
		again := &pastEnds{list: l.list}
		if got := again.recent(morning.Add(now)); len(got) != want {
			t.Errorf("after %v: %d ends, want %d", now, len(got), want)
		}
	}
	l = &pastEnds{}
	for n := range pastMost + 3 {
		l.made(endAt(0), []store.Record{{Key: numbered(n)}}, nil)
	}
	if len(l.list) != pastMost {
		t.Errorf("%d ends take memory", len(l.list))
	}
	if got := l.recent(morning); len(got) != pastMost || got[0].sel.Key != numbered(3) {
		t.Errorf("%d ends from %v", len(got), got[0].sel.Key)
	}
}

// The sessions that this instance has ended come first, with the reason that it knows; what a
// tombstone ends may have been ended by others. A call that failed has left no tombstone for certain,
// but what it has returned is over.
func TestPastEndsInOrder(t *testing.T) {
	l := &pastEnds{}
	under := endAt(0)
	under.sel, under.detail = store.Selector{Ref: store.Key{9}}, "by an order"
	l.made(under, []store.Record{{Key: numbered(1)}, {Key: numbered(2)}}, nil)
	failed := under
	failed.sel.Ref = store.Key{8}
	l.made(failed, []store.Record{{Key: numbered(3)}}, errDown)
	l.made(endAt(0), nil, nil) // by its key: nothing was there
	got := l.recent(morning)
	if len(got) != 4 || got[3].sel != under.sel {
		t.Fatalf("%+v", got)
	}
	for i, e := range got[:3] {
		if e.sel != (store.Selector{Key: numbered(i + 1)}) || e.detail != "by an order" || !e.end.At.Equal(morning) {
			t.Errorf("%+v", e)
		}
	}
}

// One instance tells of an end, once: that which has made it, even if a failover has lost it and
// it was made again.
func TestPastEndsAreToldOnce(t *testing.T) {
	mine, others, lost := numbered(1), numbered(2), numbered(3)
	l := &pastEnds{}
	l.made(endAt(0), []store.Record{{Key: mine}}, nil)
	for _, key := range []store.Key{mine, others} {
		l.hear(key, morning)
	}
	l.cutOff()
	l.hear(lost, morning) // after the loss: nobody can say that it was told
	for _, key := range []store.Key{mine, others, lost} {
		l.repeated(key, morning)
	}
	for key, want := range map[store.Key]bool{mine: true, others: false, lost: true} {
		if got := l.tell(key, morning); got != want {
			t.Errorf("%v is told: %v", key[:2], got)
		}
		if l.tell(key, morning) {
			t.Errorf("%v is told twice", key[:2])
		}
	}
}

// Ends are repeated when Watch listens again, and only then; whoever comes while that is under way
// has it start over, once.
func TestPastEndsAreRepeatedAfterACut(t *testing.T) {
	l := &pastEnds{}
	if l.listens() {
		t.Error("Watch was never cut off")
	}
	l.cutOff()
	if !l.listens() || l.listens() {
		t.Error("one cut is repeated for once")
	}
	if !l.begin() || l.begin() || l.begin() {
		t.Error("one goroutine works at a time")
	}
	if !l.over() || l.over() {
		t.Error("it starts over once, for all who came")
	}
	if !l.begin() || l.over() {
		t.Error("it is over: the next one begins, and nobody else came")
	}
}

// A key is known for five minutes at least, or until 10,000 came after it, and not for ever.
func TestKeySet(t *testing.T) {
	var s keySet
	key := numbered(0)
	if s.has(key) || s.clone().young != nil {
		t.Error("it is empty")
	}
	s.add(key, morning)
	s.add(numbered(1), morning.Add(5*time.Minute))
	kept := s.clone()
	s.add(numbered(2), morning.Add(5*time.Minute+1))
	if !s.has(key) || !s.has(numbered(1)) || !s.has(numbered(2)) {
		t.Error("it has forgotten one too early")
	}
	if kept.has(numbered(2)) {
		t.Error("a clone changes along")
	}
	s.add(numbered(3), morning.Add(10*time.Minute+2))
	if s.has(key) || s.has(numbered(1)) || !s.has(numbered(2)) {
		t.Error("it keeps what is old")
	}
	many := keySet{}
	for n := range pastMost {
		many.add(numbered(n), morning)
	}
	if len(many.young) != pastMost || many.old != nil {
		t.Error("there was room still")
	}
	for n := pastMost; n <= 2*pastMost; n++ {
		many.add(numbered(n), morning)
	}
	if many.has(key) || !many.has(numbered(pastMost)) || len(many.young) != 1 || len(many.old) != pastMost {
		t.Errorf("%d and %d keys", len(many.young), len(many.old))
	}
}
