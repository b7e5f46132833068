package plane

import (
	"errors"

	"golang.org/x/sys/unix"
)

// explain adds to an error of the kind what the process lacks, if that may be
// its reason: the kernel says that it permits something not, or that there is
// no room for it.
func (k Kind) explain(err error) error {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.ENOBUFS) {
		return err
	}
	if missing := missing(k.Needs.Capabilities, effective()); len(missing) > 0 {
		return &CapabilityError{k.Name, missing, err}
	}
	return err
}

// effective returns the capabilities of the thread, a bit each.
func effective() uint64 {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) != nil {
		return 0
	}
	return uint64(data[1].Effective)<<32 | uint64(data[0].Effective)
}

// missing returns those of the capabilities needed that are not among those
// there are. CAP_SYS_ADMIN stands for the two that were split off it.
func missing(needed []string, has uint64) (names []string) {
	if has>>unix.CAP_SYS_ADMIN&1 == 1 {
		has |= 1<<unix.CAP_BPF | 1<<unix.CAP_PERFMON
	}
	numbers := map[string]int{
		"CAP_NET_ADMIN": unix.CAP_NET_ADMIN, "CAP_NET_RAW": unix.CAP_NET_RAW, "CAP_IPC_LOCK": unix.CAP_IPC_LOCK,
		"CAP_BPF": unix.CAP_BPF, "CAP_PERFMON": unix.CAP_PERFMON,
	}
	for _, name := range needed {
		if number, known := numbers[name]; !known || has>>number&1 == 0 {
			names = append(names, name)
		}
	}
	return names
}
