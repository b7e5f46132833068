// Package joined joins a gateway to a cluster: the members and strategies of
// its services are those of a log that all gateways have, and its pins are
// shared with them, by package [github.com/ecmp-go/ecmp/cluster]. It is what
// stands between that package and the services, which know nothing of NATS.
package joined
