package ssf_test

import (
	"testing"

	"go.uber.org/goleak"
)

// A Receiver that polls has a goroutine, and every test closes it.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
