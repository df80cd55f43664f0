// Package page writes the library's own few pages: a heading, a paragraph, and a link or a
// form, in the language that a browser asks for and with a Content-Security-Policy that lets
// nothing else in. When a page is shown, and what it says, is for the caller to decide. It
// never knows who is logged in, and shows nothing that came from outside but what the caller
// puts into a link or a form.
package page
