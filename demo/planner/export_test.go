package planner

// Busy is how many plays are under way.
func (t *Theatre) Busy() int { return len(t.seats) }
