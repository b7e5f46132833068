package netns

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/safchain/ethtool"
)

// IP runs commands of ip, one a line, such as "link set lo up\n", in the
// namespace of the calling thread. It stops at the first that fails.
func IP(commands string) error { return run(commands, "-batch", "-") }

func run(input string, args ...string) error {
	cmd := exec.Command("ip", args...) //nolint:gosec // the commands are of this module
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// SetSysctl writes a file below /proc/sys/net of the namespace of the calling
// thread, such as ipv4/ip_forward.
func SetSysctl(name string, value uint64) error {
	return os.WriteFile(filepath.Join("/proc/sys/net", name), strconv.AppendUint(nil, value, 10), 0o600)
}

// Features of an interface. With TxChecksum and TxSegmentation a veth sends
// partial checksums and segments of 64 KB, which only a data plane with a
// virtio header can forward.
const (
	TxChecksum     = "tx-checksum-ip-generic"
	TxSegmentation = "tx-generic-segmentation"
	GRO            = "rx-gro" // switches the NAPI of a veth on, which a redirect to its peer needs
)

// SetFeatures switches features of an interface on or off, in the namespace of
// the calling thread, as ethtool -K does. The names are those of the kernel.
func SetFeatures(device string, on bool, features ...string) error {
	e, err := ethtool.NewEthtool()
	if err != nil {
		return err
	}
	defer e.Close()
	change := make(map[string]bool, len(features))
	for _, name := range features {
		change[name] = on
	}
	if err := e.Change(device, change); err != nil {
		return fmt.Errorf("features %v of %s: %w", features, device, err)
	}
	return nil
}
