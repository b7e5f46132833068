// Throughput measures the data planes of the gateway beside the kernel's
// forwarding: the least UDP packets a second of processor time, and one TCP
// connection, in IPv4 or IPv6. It needs Linux 6.6, root, ip of iproute2, and two
// processors with nothing else to do.
//
//	go build -o throughput ./gateway/internal/throughput && ./throughput
//
// A client, a router and one pod or more are network namespaces joined by veth.
// Frames are made on the first processor, by live runs of an XDP program;
// everything else is on the second: the kernel's thread that receives from the
// router's interface (NAPI in a thread), the gateway in a process of its own,
// sending, and the pods, which count and drop what comes, in XDP or, with
// -stack, where their stacks take it. The time is that of these threads, to the
// nanosecond, as the scheduler has it (/proc/PID/schedstat), interrupts that
// they meet included; without CONFIG_IRQ_TIME_ACCOUNTING, that is, as most
// kernels are built. What other programs take is not in it, but they disturb
// caches and locks.
//
// The planes are measured in turn, several rounds of all, each with few frames
// and with any number on their way; the better median of each is compared with
// the kernel's better one.
package main
