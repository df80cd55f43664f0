package rptest_test

import (
	"io"
	"testing"
)

// example runs what stands in a test of an app: an Example has no testing.T.
func example(f func(t testing.TB)) {
	t := &exampleTB{}
	f(t)
	for _, end := range t.ends {
		end()
	}
}

type exampleTB struct {
	testing.TB
	ends []func()
}

func (*exampleTB) Helper()                   {}
func (*exampleTB) Output() io.Writer         { return io.Discard }
func (t *exampleTB) Cleanup(f func())        { t.ends = append(t.ends, f) }
func (*exampleTB) Fatalf(f string, a ...any) { panic(f) }
func (*exampleTB) Errorf(f string, a ...any) { panic(f) }
