// Package cookie makes and finds the library's cookies: their names, their attributes, and the
// random id in them. It never looks an id up, and knows nothing of what it stands for.
package cookie
