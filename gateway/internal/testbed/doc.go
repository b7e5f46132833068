// Package testbed makes the networks that the data planes are tested and
// measured on. It is for Linux; elsewhere it is empty.
package testbed
