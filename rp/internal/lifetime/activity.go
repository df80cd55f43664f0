package lifetime

import "time"

// Granule is the shortest time between two writes of a session's latest activity to the store:
// a minute, or a tenth of the app's idle limit.
func Granule(idle time.Duration) time.Duration {
	if idle == 0 {
		return time.Minute
	}
	return min(time.Minute, idle/10)
}

// TooLate is when a signal that no request waits for is dropped: a late signal would keep an
// absent person signed in for longer (C2).
func TooLate(active time.Time, every time.Duration) time.Time {
	return active.Add(2*every + time.Second)
}

const (
	minReport = 500 * time.Millisecond
	maxReport = 30 * time.Second
)

// ReportEvery is the shortest time between two reports of activity by a page. The latest report
// is then never older than a twentieth of the idle limit.
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
