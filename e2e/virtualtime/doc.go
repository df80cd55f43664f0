// Package virtualtime tells the stories of a working day over hours of virtual
// time: an IdP, three apps and a person in memory, inside testing/synctest.
package virtualtime
