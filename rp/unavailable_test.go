package rp_test

import (
	"context"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// Whoever makes an UnavailableError says its cause, and what the Store causes comes from
// where its line is logged: so a 503 without a line cannot be written.
func TestEveryUnavailableErrorHasACause(t *testing.T) {
	made := 0
	for _, dir := range []string{".", "internal/engine"} {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			fset := token.NewFileSet()
			f, err := parser.ParseFile(fset, file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok {
					continue
				}
				ast.Inspect(fn, func(n ast.Node) bool {
					c, ok := n.(*ast.CompositeLit)
					if !ok || !names(c.Type, "UnavailableError") {
						return true
					}
					made++
					at := fset.Position(c.Pos())
					cause := causeOf(c)
					switch {
					case cause == nil:
						t.Errorf("%s has no Cause", at)
					case names(cause, "StoreFailed") && fn.Name.Name != "StoreFailed":
						t.Errorf("%s: what the Store fails to do is for Engine.StoreFailed, which logs it", at)
					}
					return true
				})
			}
		}
	}
	if made < 12 {
		t.Errorf("only %d UnavailableErrors are made: is the scan right?", made)
	}
}

// names reports whether an expression is a name, or a package's.
func names(e ast.Expr, name string) bool {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name == name
	case *ast.SelectorExpr:
		return e.Sel.Name == name && !names(e.X, "keyset") // its errors are another room's
	}
	return false
}

func causeOf(c *ast.CompositeLit) ast.Expr {
	for _, e := range c.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok && names(kv.Key, "Cause") {
			return kv.Value
		}
	}
	return nil
}

// Each 503 has a line with its cause, and an event with the request's context. Who hangs up
// gets no answer, and there is no line.
func TestUnavailableIsLogged(t *testing.T) {
	type key struct{}
	var told []event.Unavailable
	failing, direct := &away{}, true
	inBubble(t, setup{config: func(c *rp.Config) {
		c.Events.Unavailable = func(ctx context.Context, e event.Unavailable) {
			if direct && ctx.Value(key{}) == nil {
				t.Error("the event has another context than the request")
			}
			told = append(told, e)
		}
		failing.Store = c.Store
		c.Store = failing
	}}, func(t *testing.T, w *world) {
		r, err := http.NewRequestWithContext(context.WithValue(t.Context(), key{}, 1), http.MethodGet,
			base+"/private", nil)
		if err != nil {
			t.Fatal(err)
		}
		for cause, line := range map[reason.Cause]string{reason.IdPSilent: "the IdP does not answer\"",
			reason.IdPFails: "as it should", reason.Busy: "this instance has reached a limit"} {
			told = nil
			a := w.auth[0].Answer(r, &rp.UnavailableError{RetryAfter: time.Second, Cause: cause,
				Err: errors.New("because-of-" + string(cause))})
			if a.Status != http.StatusServiceUnavailable || len(told) != 1 || told[0].Cause != cause {
				t.Errorf("%s: %d, %v", cause, a.Status, told)
			}
			if !w.log.has(line) || !w.log.has("cause="+string(cause)+" error=because-of-"+string(cause)) {
				t.Errorf("%s has no line:\n%s", cause, w.log)
			}
		}
		told = nil
		w.auth[0].Answer(r, &rp.UnavailableError{Cause: reason.Busy, Err: context.Canceled})
		if len(told) != 0 {
			t.Error("somebody is told of a request that was given up")
		}
		v := w.visitor("ada")
		v.login()
		failing.down.Store(true) // from here on, by a real request
		direct = false
		before := w.lines("the session store failed")
		if a := v.get("/private"); a.status != http.StatusServiceUnavailable ||
			w.lines("the session store failed") == before {
			t.Errorf("%d: a failing store has no line:\n%s", a.status, w.log)
		}
		if len(told) != 1 || told[0].Cause != reason.StoreFailed {
			t.Errorf("%v", told)
		}
		failing.down.Store(false)
	})
}

// away is a Store that may be away.
type away struct {
	store.Store
	down atomic.Bool
}

func (a *away) Load(ctx context.Context, key store.Key) (store.Record, error) {
	if a.down.Load() {
		return store.Record{}, errors.New("unplugged")
	}
	return a.Store.Load(ctx, key)
}
