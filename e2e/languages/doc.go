// Package languages runs programs in other languages, with the libraries that people use
// there, against idp-mock as a process: python (Authlib), node (openid-client,
// express-openid-connect, Auth.js) and java (Spring Boot). Each is a recipe to copy from. It
// fetches their packages, so it runs with make interop only.
package languages
