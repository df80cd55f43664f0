// Package badinput is what strangers, other browsers and broken set-ups do to the
// demo's apps: nobody gets in, nobody sees a 500, and errors say what to do.
package badinput
