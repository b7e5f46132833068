// Package config reads the configuration of a gateway: JSON, checked as a
// whole. Every error names the file, the line and the reason.
//
//	{
//		"in": "lc",                       // the interface that packets come in by, or a list of them
//		"vip": "172.16.0.20/32",          // the prefix that the members serve, or a list, IPv4 and IPv6
//		"members": [{"id": "pod1", "dev": "lp1", "addr": "10.9.1.2", "mac": "02:00:00:01:01:02", "weight": 1}],
//		"control": "unix:PATH",           // or "ADDRESS:PORT"
//		"token": "...",                   // 16 characters or more; required for an address that is not loopback
//		"io": "afpacket",                 // the data plane, each with needs of its own: afpacket, afxdp, xdp
//		"workers": 1,                     // that share the packets of each interface
//		"strategy": "bounded",            // any of package selector, in lower case
//		"seed": 0,                        // of the hash: gateways with one seed place alike
//		"sticky": true,                   // flows keep their members through changes
//		"flows": 1048576,                 // that the flow table is for
//		"idle": "30s",                    // how long an established flow without packets is remembered, TCP or not
//		// The timeouts of package flowcache, of which "tcp" and "other" go before "idle". These are the defaults.
//		"timeouts": {"probation": "8s", "tcp": "350s", "other": "30s", "closing": "10s", "down": "30s"},
//		"reset": false,                   // answer a TCP flow whose member died by a RST
//		"snapshot": "FILE",               // where the flow table outlives the process
//		"services": [{"name": "dns", "vip": "172.16.0.53/32", "strategy": "maglev", "members": []}]
//	}
//
// (JSON knows no comments; these are ours.) "in" and "control" are required,
// and "vip" with "members", or "services", or both. Of a member, "id", "dev"
// and "addr" are required. Without "mac" it is the one that the kernel knows
// for the address at that moment. Without "weight" it is 1, and 0 drains the
// member. Times are from "1s" to "1h". A member that serves several groups has
// the same "dev" and "mac" in each.
//
// Every interface has to be there when the file is read; one that is removed
// later and made anew is found again. What a data plane needs of interfaces and
// routes is said at plane.NewAFPacket, at plane.NewAFXDP, and in package
// plane/xdp: xdp serves strategies with a table alone.
package config
