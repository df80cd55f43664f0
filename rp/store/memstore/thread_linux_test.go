package memstore

import (
	"syscall"
	"time"
	"unsafe"
)

const clockThreadCPUTime = 3 // CLOCK_THREAD_CPUTIME_ID, clock_gettime(2)

// threadTime is how long this thread has run. It stands still while others have
// the processor; so it measures the code, also on a busy machine.
func threadTime() time.Duration {
	var t syscall.Timespec
	_, _, err := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockThreadCPUTime, uintptr(unsafe.Pointer(&t)), 0)
	if err != 0 {
		panic(err)
	}
	return time.Duration(t.Nano())
}
