// Package posted keeps a form that somebody has posted when their session was over already
// (Config.KeepPosted): which forms fit, and how one is sealed so that the browser's tab can
// keep it. Whose form it is, and whether it is given back, is for the caller to say. It stores
// nothing, and sends nothing.
package posted
