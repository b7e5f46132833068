// Package netns makes network namespaces, in which tests and the gateway's lab
// forward packets, and removes them again. It needs Linux, root and the program
// ip of iproute2. On other systems it is empty.
package netns
