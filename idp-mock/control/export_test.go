package control

// Operations says how many operations the control API serves.
func Operations() int { return len(routes) }
