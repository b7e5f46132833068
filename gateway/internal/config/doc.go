// Package config reads the configuration of a gateway: JSON, checked as a
// whole. Every error names the file, the line and the reason.
//
//	{
//		"in": "lc",
//		"vip": "172.16.0.20/32",
//		"members": [
//			{"id": "pod1", "dev": "lp1", "addr": "10.9.1.2", "weight": 1},
//			{"id": "pod2", "dev": "lp2", "addr": "10.9.2.2", "mac": "02:00:00:01:02:02"}
//		],
//		"control": "unix:/run/gateway/control",
//		"services": [
//			{"name": "dns", "vip": "172.16.0.53/32", "strategy": "maglev", "members": []}
//		]
//	}
//
// The fields and their defaults:
//
//	in        the interface that packets come in by, or a list of them
//	vip       the prefix that the members serve, or a list, IPv4 and IPv6; not
//	          of multicast or the loopback
//	protocol  the only one that they serve of it, which is then an address: tcp,
//	          udp, sctp, icmp, or a number of IP; all
//	ports     the only ones that they serve of tcp, udp or sctp: 443, or a list,
//	          such as [80, 443, "8000-8099"]; all
//	members   the members of the service at the top level
//	control   unix:PATH, or ADDRESS:PORT
//	token     16 characters or more; required for an address not loopback
//	io        the data plane, each with needs of its own:
//	          afpacket (the default), afxdp, xdp
//	workers   that share the packets of each interface; 1
//	key       what makes packets one flow: five-tuple; three-tuple (without
//	          ports), addresses, client (the source address), or of the packet
//	          inside a tunnel inner, inner-addresses, inner-client, and teid (the
//	          addresses, with the ID of the tunnel); five-tuple
//	scope     a name: services of one scope share their flows, so that with key
//	          client a client meets members of the same name in all of them, if
//	          they have the same members and strategy: where they have not, that
//	          is said in the log and as "host" in /stats; that of the top level
//	          is null for a service without; none
//	strategy  as selector.ParseStrategy reads it, such as bounded:slots=4096; bounded
//	check     how members are asked whether they serve; not at all
//	slowstart  a time, or {"time": "1m", "steps": 10}: the weight of a member that
//	          joins, or takes flows again after a drain, grows to its own in so
//	          many steps, each of which builds the service's table once; not for
//	          strategies that would move flows of others with each step; none.
//	          That of the top level is null, or "0s", for a service without
//	panic     percent of a service's members: while fewer pass the check, what it
//	          finds is not looked at, since the few would be overrun; 0
//	seed      of the hash: gateways with one seed place alike. A change places
//	          every flow anew, with those that are established: of n members of
//	          equal weight, n-1 of n flows go elsewhere; 0
//	sticky    flows keep their members through changes; true
//	flows     that the flow table is for; 1048576
//	timeouts  how long a flow without packets is remembered, by its state as
//	          package flowcache knows it, for each that is not to be
//	          {"probation": "8s", "tcp": "350s", "other": "30s",
//	          "closing": "10s", "down": "30s", "affinity": "3h"}, of which
//	          affinity is for keys by which a flow is many connections
//	idle      in place of "tcp" and "other", where they are not given; less
//	          than the 350s of "tcp" breaks connections that are open and idle
//	reset     answer a TCP flow whose member died by a RST; false
//	snapshot  the file in which flows outlive the process; none
//	kernel    have the gateway keep what the kernel needs: a table of nftables
//	          that drops what is for "vip", since the data plane forwards it,
//	          answers to ARP and NDP for those in the network of "in", and
//	          forwarding, for replies; false: it only says what is missing
//	icmp      {"from": ["10.9.0.1", "fd09::1"], "rate": 100}: the sender of a
//	          packet that is too big for a member's interface, or has no time
//	          left, is told so by ICMP from these addresses, at most one a
//	          family, so often a second and worker at most; nobody is told.
//	          And "pings", 1000: pings of single addresses of "vip" are
//	          answered while a member takes packets, so many a second and
//	          worker at most, and more are dropped. Pings in fragments go to a
//	          member, as those of a prefix do, and with 0 all do
//	bgp       the routers that are told of the services; none
//	cluster   the gateways that agree on members and share pins; none
//	services  further services, with a strategy, a check and members of their own
//
// An address may have many services. A packet is for the one with its port, or
// else for the one with its protocol, or else for the one whose prefix is the
// longest that has the address. A fragment is for the service of its datagram,
// and an ICMP error for that of the packet that it is about. Two services that
// have the same packets are an error.
//
// By a key other than five-tuple and inner, a flow is many connections. None of
// them ends it, so that a drained member keeps its clients until they are
// silent for the time of affinity, or its drain is ended. One who sent a single
// packet, or several within a second, is forgotten after the time of probation.
// The xdp plane knows the keys of the outermost headers, up to client, and
// counts the packets of a member that services of one scope share for one of
// them.
//
// "in" and "control" are required,
// and "vip" with "members", or "services", or both. Of a member, "id", "dev"
// and "addr" are required. Without "mac" the kernel keeps its address resolved
// for as long as the gateway runs, and what it finds counts. Without "weight" it
// is 1, and 0 drains the member. With "backup": true it takes flows only while
// every other member is down or drained. Times are from "1s" to "1h", those of
// flows to "168h". A member that serves several groups has the same "dev" and
// "mac" in each, or "addr" where "mac" is not given.
//
// A member that is not on the link of "dev" has a "tunnel":
//
//	{"id": "pod7", "dev": "lp1", "addr": "192.0.2.7",
//	"tunnel": {"local": "10.9.1.1", "remote": "192.0.2.7", "via": "10.9.1.254"}}
//
//	local   the source of the outer packets, an address of the gateway's;
//	        required
//	remote  their destination, where the member takes the outer header off:
//	        "addr", if it is not given
//	via     the router on the link of "dev" that is the next hop to it; if it is
//	        not given, that of the kernel's route to "remote", or "remote" itself
//	        if it is on the link. "mac" is that of the next hop
//
// Whether a packet is in a header of IPv4 or IPv6 is by "local" and "remote",
// whatever version it is itself. Packets have 20 or 40 bytes less room. The way
// to "remote" is not followed beyond "via": no error that comes back from there
// is passed on to senders. In a change of a member, "tunnel": null is none.
//
// With "check" each member is asked, at "addr", also one with a tunnel, which
// has no part in that: by the kernel's route to it. It is down when so
// many answers in a row say so; what is not given is as here, and a timeout is
// half an interval:
//
//	{"by": "tcp", "port": 80, "interval": "1s", "timeout": "500ms",
//	"failures": 2, "successes": 2}
//
// It asks by tcp, http and https ("path", which has to be answered by a status
// below 400), or udp (nobody says that the port is closed).
//
// With "to": "vip" a member is asked as clients ask it, by the first address of
// "vip" that is of the version of IP of its "addr", over the link of "dev": one
// who serves at its own address alone is down. That is for at most 256 members
// without a tunnel and needs "kernel": true, with which each has a mark, and the
// kernel a rule and a routing table of that number for it. Where "mac" is given,
// that is what is asked: the table leads to a neighbour that has it for good, by
// an address of 240.0.0.0/8 or 100::/64, and what the kernel has for "addr" is
// left alone. Before it asks, the gateway has the kernel say where it would send:
// while that is elsewhere, since the address is the host's own, say, or another
// rule comes first, "host" in /stats says so, and what was found of the member
// stays.
//
// With "bgp" the prefix of each service is announced to routers for as long as a
// packet for it would be forwarded, and withdrawn otherwise. Several gateways
// with one seed and the same members share an address that way: a router
// spreads flows over them, and a flow that comes to another gateway meets the
// same member. What is not given is as here, but for "listen", "nexthop" and
// "bandwidth":
//
//	{"as": 65101, "id": "10.77.1.2", "listen": "10.77.1.2:179",
//	"nexthop": ["10.77.1.2", "fd77:1::2"], "bandwidth": 10000,
//	"drain": "5s", "end": "withdraw", "peers": [
//		{"addr": "10.77.1.1", "as": 65000, "hold": "9s", "bfd": "100ms"},
//		{"addr": "10.77.2.1", "as": 65000, "hold": "9s", "restart": "30s"}
//	]}
//
//	as, id     of this gateway: its number and, an IPv4 address, its name
//	listen     where peers may connect to; they are dialed in any case. Ports
//	           below 1024 need CAP_NET_BIND_SERVICE
//	nexthop    where routers send packets for the services: an address of each
//	           family. Without one it is the gateway's end of the session,
//	           which serves prefixes of the session's family alone
//	bandwidth  of this gateway in Mbit/s, for routers that weigh by it. They do
//	           if all gateways announce one; bird does not
//	drain      when the process ends, or on POST /bgp/drain, routers are asked
//	           to prefer others by the community of RFC 8326, which some need a
//	           filter for, and so long later the prefixes are withdrawn; "0s" to
//	           "10m". The process ends after that
//	end        what becomes of the prefixes when the process ends: withdraw, or
//	           keep: peers with "restart" keep them, for a process to come
//	hold       a peer is gone after so long without a message; 3s or more, in
//	           whole seconds
//	restart    the peer keeps the prefixes for so long after the process is
//	           gone, be it killed; the next one is to announce them by then. In
//	           whole seconds
//	bfd        packets are exchanged so often, by BFD (RFC 5880), and three that
//	           are missed end the session; not with "restart"
//	password   of TCP-MD5
//	learn      {"prefixes": ["172.31.0.0/16"], "strategy": "bounded",
//	           "keep": "30s", "wait": "5s"}: each route that peers announce to
//	           one of the prefixes, or to what is in one, is a service of its
//	           own. Its members are the next hops, by the best paths of all
//	           peers; weights are the bandwidths of
//	           the paths, if all have one. A filter of bird adds it as
//	           (generic, 0x0004AAAA, BITS), the AS and, as a float of 32 bits,
//	           the bytes a second: it keeps 0x4004AAAA to its own AS. Paths
//	           under graceful shutdown count where there is no other. All
//	           learned services share their flows: one whose prefix changes its
//	           next hops stays where it is while that is a next hop. A next hop
//	           is on a link of this host, as its kernel has it. What a
//	           configuration serves is not learned, nor is a route to a prefix
//	           that contains an address of the gateway's host: its own sessions
//	           would be forwarded away.
//	           A next hop that its routers withdraw is removed. One whose
//	           session ends, or that is on no link any more, is down for the
//	           time of "keep" ("0s" to "1h") and removed then: its flows go to
//	           others meanwhile and return with it. A prefix that has no other
//	           next hop is not served meanwhile, for there may be another way.
//	           With "snapshot", a process that is started again serves what is
//	           learned when all is there that the one before knew; or when the
//	           routers that are there have told of all their routes, and those
//	           that are not were waited for, for the time of "wait" ("0s" to
//	           "10m"). A router has told of all when it says so (End-of-RIB, as
//	           those do that have "restart" here); else 5 s after its session
//	           began, or 20 s with "restart"
//
// A peer that is not there is no error: it is tried each second.
//
// With "cluster" gateways have the members and strategies of their services in
// common, as package [github.com/ecmp-go/ecmp/cluster] does it over NATS. "name",
// "gateway" and "secret" are required, and "urls" or "listen". What is not given
// is as here, but for what is about servers and what the gateway is known by:
//
//	{"name": "edge", "gateway": "gw1", "secret": "16 characters or more",
//	"urls": ["nats://10.0.0.1:4222"], "user": "gw1", "password": "PASSWORD",
//	"token": "TOKEN", "credentials": "FILE",
//	"tls": {"ca": "FILE", "cert": "FILE", "key": "FILE", "name": "NAME"},
//	"listen": "10.0.0.1:4222", "peer": "10.0.0.1:6222",
//	"peers": ["10.0.0.1:6222", "10.0.0.2:6222", "10.0.0.3:6222"],
//	"directory": "/var/lib/gateway/nats",
//	"replicas": 1, "heartbeat": "1s", "prepare": "2s", "pins": true,
//	"least": "1m", "wait": "5s"}
//
//	name       of the cluster
//	gateway    of this gateway in it; no other one has it
//	secret     that all have: the seed of the hash is made of it, so "seed" is
//	           not given. Gateways prove to each other that they have the same,
//	           and tell nobody
//	urls       of NATS servers with JetStream; that of "listen" alone
//	user, password, token, credentials, tls
//	           as the servers ask for them; with "listen", "tls" has "cert" and
//	           "key"
//	listen     where a NATS server within the gateway listens, whose files are
//	           in "directory". Several are a cluster of servers: each has
//	           "peer", its address for the others, and "peers", those of all.
//	           With three of them one may be lost
//	replicas   servers that keep the log, if this gateway makes it; 3 with three
//	           "peers" or more
//	heartbeat  how often it says what it runs: it is gone after three
//	prepare    how long a change waits until all gateways have shared what it
//	           would move
//	pins       share them. The xdp plane keeps flows in the kernel, and never
//	           shares pins
//	least      the shortest timeout of flows that are shared. A pin that is not
//	           where the strategy says costs some 10 bytes every quarter of it
//	wait       how long a gateway that starts waits at most for the pins of the
//	           others, before it tells routers of its services by BGP; not less
//	           than five heartbeats if it is not given
//
// The services are those of each gateway's configuration, with the same names in
// all: letters, digits, '_' and '-'. Their members and strategies are those of
// the log that all gateways have. Where the log has none of a service, the first
// gateway that comes puts those of its configuration there. From then on they
// change by HTTP, at any of the gateways, and what the configuration says of
// them otherwise is told and does not count; but of a member that is in both,
// "dev", "addr", "mac" and "tunnel" are those of the configuration, as gateways
// may reach it by different ways. "key" must be the same at all gateways, or a
// service is not joined; there is no "scope", and no "slowstart". A drain with a
// deadline ends at all gateways by one entry of the log. Checks, and who is
// down, are each gateway's own.
//
// A gateway that reaches no server forwards with what it has: at its start that
// is its snapshot, or its configuration. Changes over HTTP are refused
// meanwhile.
//
// A member whose interface is not there, has no carrier, or behind which nobody
// answers for "addr" is down until that is mended, in whichever order. The
// interfaces of "in" may come and go as well. What a data plane needs of
// interfaces and routes is said at plane.NewAFPacket, at plane.NewAFXDP, and in package
// plane/xdp: xdp serves strategies with a table alone, and sends no RST.
package config
