// Package absent shows in real browsers that only a person keeps a session: what a page,
// the browser or another site does by itself does not, for six idle windows, and nobody
// who has gone is logged in by it again. And it shows that who is there stays. It holds
// only tests. The time is virtual.
package absent
