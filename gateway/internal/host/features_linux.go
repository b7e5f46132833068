package host

import (
	"errors"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// What a driver does for XDP programs, by the kernel's own word: see
// include/uapi/linux/netdev.h.
type features uint64

const (
	runsXDP       features = 1 << 0 // in the driver, before the kernel makes its own packet
	redirectsXDP  features = 1 << 1
	transmitsXDP  features = 1 << 2 // what a program elsewhere redirects here
	familyName             = "netdev"
	commandGet             = 1 // NETDEV_CMD_DEV_GET
	attrIndex              = 1 // NETDEV_A_DEV_IFINDEX
	attrFeatures           = 3 // NETDEV_A_DEV_XDP_FEATURES
	controlGet             = 3 // CTRL_CMD_GETFAMILY
	controlID              = 1 // CTRL_ATTR_FAMILY_ID
	controlName            = 2 // CTRL_ATTR_FAMILY_NAME
	genericHeader          = 4 // bytes
)

var errNoFeatures = errors.New("this kernel does not say what its drivers do (before 6.3)")

// featuresOf asks the kernel for those of all interfaces, by their index.
func featuresOf() (map[int]features, error) {
	c, err := netlink.Dial(unix.NETLINK_GENERIC, nil)
	if err != nil {
		return nil, err
	}
	defer c.Close() //nolint:errcheck // nothing was written
	family, err := familyOfDevices(c)
	if err != nil {
		return nil, err
	}
	messages, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(family), Flags: netlink.Request | netlink.Dump},
		Data:   []byte{commandGet, 1, 0, 0},
	})
	if err != nil {
		return nil, err
	}
	found := make(map[int]features, len(messages))
	for _, m := range messages {
		index, has := 0, features(0)
		err := attributesOf(m, genericHeader, func(ad *netlink.AttributeDecoder) {
			switch ad.Type() {
			case attrIndex:
				index = int(ad.Uint32())
			case attrFeatures:
				has = features(ad.Uint64())
			}
		})
		if err != nil {
			return nil, err
		}
		found[index] = has
	}
	return found, nil
}

func familyOfDevices(c *netlink.Conn) (uint16, error) {
	ae := netlink.NewAttributeEncoder()
	ae.String(controlName, familyName)
	name, err := ae.Encode()
	if err != nil {
		return 0, err
	}
	messages, err := c.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.GENL_ID_CTRL, Flags: netlink.Request},
		Data:   append([]byte{controlGet, 1, 0, 0}, name...),
	})
	if errors.Is(err, unix.ENOENT) {
		return 0, errNoFeatures
	}
	if err != nil {
		return 0, err
	}
	family := uint16(0)
	for _, m := range messages {
		err = errors.Join(err, attributesOf(m, genericHeader, func(ad *netlink.AttributeDecoder) {
			if ad.Type() == controlID {
				family = ad.Uint16()
			}
		}))
	}
	if err == nil && family == 0 {
		err = errNoFeatures
	}
	return family, err
}
