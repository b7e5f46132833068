package measure

import (
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/cpuid/v2"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

// Origin describes this machine, this code and this moment.
func Origin(command string) results.Origin {
	o := results.Origin{
		Date: time.Now().UTC().Format(time.RFC3339), Command: command, Commit: commit(),
		Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH,
		CPU: cpuid.CPU.BrandName, CPUs: runtime.NumCPU(), Kernel: line("/proc/sys/kernel/osrelease"),
		Settings: map[string]string{}, Modules: modules(),
	}
	for name, path := range map[string]string{
		"huge pages": "/sys/kernel/mm/transparent_hugepage/enabled",
		"governor":   "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
	} {
		if text := line(path); text != "" {
			o.Settings[name] = text
		}
	}
	return o
}

// Peak returns the most memory that this process has had, as the system says.
func Peak() string {
	for status := range strings.Lines(line("/proc/self/status")) {
		if peak, ok := strings.CutPrefix(status, "VmHWM:"); ok {
			return strings.TrimSpace(peak)
		}
	}
	return ""
}

// line returns what a file of the system says, or "".
func line(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return "" // another system, or a kernel without it
	}
	return strings.TrimSpace(string(data))
}

// commit returns that of the directory, with a plus sign if something in it was
// changed, or "" outside of a clone.
func commit() string {
	id, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return ""
	}
	changes, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output()
	if err != nil || len(changes) > 0 {
		return strings.TrimSpace(string(id)) + "+"
	}
	return strings.TrimSpace(string(id))
}

// modules returns the other libraries that are compiled in.
func modules() (list []results.Module) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	peers := []string{
		"github.com/Yiling-J/theine-go", "github.com/cespare/xxhash/v2", "github.com/dchest/siphash",
		"github.com/dgryski/go-jump", "github.com/dgryski/go-maglev", "github.com/dgryski/go-rendezvous",
		"github.com/edwingeng/doublejump", "github.com/elastic/go-freelru", "github.com/gopacket/gopacket",
		"github.com/kkdai/maglev", "github.com/maypok86/otter/v2", "github.com/phuslu/lru",
		"github.com/puzpuzpuz/xsync/v4", "github.com/zeebo/xxh3",
	}
	for _, m := range info.Deps {
		if slices.Contains(peers, m.Path) {
			list = append(list, results.Module{Path: m.Path, Version: m.Version})
		}
	}
	return list
}
