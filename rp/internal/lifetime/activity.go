package lifetime

import "time"

// Granule is how much activity is gathered before it is stored again: a minute, or a tenth
// of the app's idle limit.
func Granule(idle time.Duration) time.Duration {
	if idle == 0 {
		return time.Minute
	}
	return min(time.Minute, idle/10)
}

// TooLate is when a signal that no request waits for is given up: the later it came, the
// longer an absent person would stay signed in (C2).
func TooLate(active time.Time, every time.Duration) time.Time {
	return active.Add(2*every + time.Second)
}

const (
	minReport = 500 * time.Millisecond
	maxReport = 30 * time.Second
)

// ReportEvery is how often a page reports activity at the most: often enough that the last
// report is never older than a twentieth of the idle limit.
func ReportEvery(p Policy) time.Duration {
	report := maxReport
	if p.Idle > 0 {
		report = min(report, p.Idle/20)
	}
	if p.SignalEvery > 0 {
		report = min(report, p.SignalEvery/4)
	}
	return max(report, minReport)
}
