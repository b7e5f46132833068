package host

import "github.com/mdlayher/netlink"

// attributesOf calls each for the attributes of a message, which stand behind a
// header of so many bytes. The error says that one is not what each took it for.
func attributesOf(m netlink.Message, header int, each func(*netlink.AttributeDecoder)) error {
	ad, err := netlink.NewAttributeDecoder(m.Data[min(header, len(m.Data)):])
	if err != nil {
		return err
	}
	for ad.Next() {
		each(ad)
	}
	return ad.Err()
}
