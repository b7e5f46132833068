// Package netns makes the network namespaces that tests and the forwarder's lab
// forward packets in, and removes them again. It is for Linux and needs root
// and the program ip of iproute2; elsewhere it is empty.
package netns
