// Package answer writes what a browser or a script gets instead of the page that it asked for:
// a redirect to the log-in, a page, or JSON, by what kind of client asks and by whether a
// person has caused the request. Why there is an answer, and whether a person is there, is for
// the caller to say. It never knows who is logged in.
package answer
