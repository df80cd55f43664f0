package idpmock

// ControlOperations says how many operations the control API serves.
func ControlOperations() int { return len(controlRoutes) }
