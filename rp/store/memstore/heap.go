package memstore

// dueHeap orders the entries of one shard by Due. A Due that moves later, as
// every Touch does, leaves the heap alone: at is then too early and is put right
// when the entry comes to the top.
type dueHeap []dueItem

type dueItem struct {
	at int64
	e  *entry
}

// set puts e under its due.
func (h *dueHeap) set(e *entry) {
	switch {
	case e.pos == 0 && e.due != 0:
		*h = append(*h, dueItem{e.due, e})
		e.pos = int32(len(*h))
		h.up(len(*h) - 1)
	case e.pos != 0 && e.due != 0 && e.due < (*h)[e.pos-1].at:
		(*h)[e.pos-1].at = e.due
		h.up(int(e.pos - 1))
	}
}

func (h *dueHeap) remove(e *entry) {
	if e.pos == 0 {
		return
	}
	i, last := int(e.pos-1), len(*h)-1
	e.pos = 0
	moved := (*h)[last]
	(*h)[last] = dueItem{}
	*h = (*h)[:last]
	if i < last {
		h.place(i, moved)
		h.down(i)
		h.up(int(moved.e.pos - 1))
	}
}

// first returns the entry with the earliest Due if that is not after now. Each
// correction costs one of n; it gives up, with more set, when there are none.
func (h *dueHeap) first(now int64, n *int) (e *entry, more bool) {
	for len(*h) > 0 && (*h)[0].at <= now {
		e := (*h)[0].e
		switch {
		case e.due == (*h)[0].at:
			return e, false
		case *n == 0:
			return nil, true
		case e.due == 0:
			h.remove(e)
		default:
			(*h)[0].at = e.due
			h.down(0)
		}
		*n--
	}
	return nil, false
}

// dueHeaps are one owner's entries. Those that have ended are apart, because they
// may be remembered for longer than a live one is kept and would be in its way.
type dueHeaps struct{ live, ended dueHeap }

// of returns the heap in which e is while it stays live or ended.
func (h *dueHeaps) of(e *entry) *dueHeap {
	if e.end != nil {
		return &h.ended
	}
	return &h.live
}

func (h *dueHeaps) first(now int64, n *int) (e *entry, more bool) {
	live, more := h.live.first(now, n)
	if more {
		return nil, true
	}
	ended, more := h.ended.first(now, n)
	switch {
	case more:
		return nil, true
	case ended == nil || live != nil && live.due < ended.due:
		return live, false
	}
	return ended, false
}

func (h *dueHeap) place(i int, it dueItem) {
	(*h)[i] = it
	it.e.pos = int32(i + 1)
}

func (h *dueHeap) up(i int) {
	it := (*h)[i]
	for i > 0 {
		parent := (i - 1) / 2
		if (*h)[parent].at <= it.at {
			break
		}
		h.place(i, (*h)[parent])
		i = parent
	}
	h.place(i, it)
}

func (h *dueHeap) down(i int) {
	it := (*h)[i]
	for {
		child := 2*i + 1
		if child >= len(*h) {
			break
		}
		if child+1 < len(*h) && (*h)[child+1].at < (*h)[child].at {
			child++
		}
		if it.at <= (*h)[child].at {
			break
		}
		h.place(i, (*h)[child])
		i = child
	}
	h.place(i, it)
}

// expiries is a heap of things to be forgotten after a time.
type expiries[T any] []expiry[T]

type expiry[T any] struct {
	at int64
	v  T
}

func (h *expiries[T]) push(at int64, v T) {
	*h = append(*h, expiry[T]{at, v})
	s := *h
	for i := len(s) - 1; i > 0; {
		parent := (i - 1) / 2
		if s[parent].at <= s[i].at {
			return
		}
		s[parent], s[i] = s[i], s[parent]
		i = parent
	}
}

// pop takes out one thing whose time is before now.
func (h *expiries[T]) pop(now int64) (v T, ok bool) {
	s := *h
	if len(s) == 0 || s[0].at >= now {
		return v, false
	}
	v = s[0].v
	last := len(s) - 1
	s[0], s[last] = s[last], expiry[T]{}
	s = s[:last]
	*h = s
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(s) {
			return v, true
		}
		if child+1 < len(s) && s[child+1].at < s[child].at {
			child++
		}
		if s[i].at <= s[child].at {
			return v, true
		}
		s[i], s[child] = s[child], s[i]
		i = child
	}
}
