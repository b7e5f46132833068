package host

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The table of a gateway is called by the address that it is controlled by, so
// that each gateway has one of its own, finds it again after it was killed, and
// others see whose it is. A table without an address was made by hand.
const tableName = "gateway"

const chainName = "vips"

// A family is one of IP, as a table has it: a set of addresses, and a rule that
// drops what is for one of them.
type family struct {
	set     string
	key     nftables.SetDatatype
	proto   byte
	offset  uint32 // of the destination in the header
	isOfSet func(netip.Prefix) bool
}

func families() []family {
	const offset4, offset6 = 16, 24
	return []family{
		{"vip4", nftables.TypeIPAddr, unix.NFPROTO_IPV4, offset4, func(p netip.Prefix) bool { return p.Addr().Is4() }},
		{"vip6", nftables.TypeIP6Addr, unix.NFPROTO_IPV6, offset6, func(p netip.Prefix) bool { return p.Addr().Is6() }},
	}
}

// nameOf returns what the table of the gateway with that control address is
// called, in the letters that nft takes.
func nameOf(control string) string {
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/_.-", r) {
			return r
		}
		return '-'
	}, strings.TrimPrefix(control, "unix:"))
	const most = 255
	return fmt.Sprintf("%.*s", most, tableName+"/"+strings.TrimPrefix(clean, "/"))
}

// setRules replaces a table by one that drops what is for the VIPs, in one step.
func setRules(name string, vips []netip.Prefix) error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	t := &nftables.Table{Family: nftables.TableFamilyINet, Name: name}
	c.AddTable(t) // so that there is one to be deleted
	c.DelTable(t)
	c.AddTable(t)
	chain := c.AddChain(&nftables.Chain{
		Table: t, Name: chainName, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw,
	})
	const solicit, advert = 135, 136 // neighbour discovery is the kernel's
	for _, kind := range []byte{solicit, advert} {
		c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_ICMPV6}},
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Len: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{kind}},
			&expr.Verdict{Kind: expr.VerdictAccept},
		}})
	}
	for _, f := range families() {
		set := &nftables.Set{
			Table: t, Name: f.set, KeyType: f.key, Interval: true, KeyByteOrder: binaryutil.BigEndian,
		}
		if err := c.AddSet(set, elements(vips, f.isOfSet)); err != nil {
			return err
		}
		c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{f.proto}},
			&expr.Payload{
				DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: f.offset, Len: f.key.Bytes,
			},
			&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID},
			&expr.Counter{},
			&expr.Verdict{Kind: expr.VerdictDrop},
		}})
	}
	return c.Flush()
}

const ruleCount = 4

// elements returns the bounds of the VIPs of a family: of those that are within
// another one, and of neighbours, the bounds of all of them.
func elements(vips []netip.Prefix, isOf func(netip.Prefix) bool) (list []nftables.SetElement) {
	sorted := slices.SortedFunc(slices.Values(slices.DeleteFunc(slices.Clone(vips),
		func(p netip.Prefix) bool { return !isOf(p) })), netip.Prefix.Compare)
	var end netip.Addr // behind the last one; invalid behind the end of all
	for i, p := range sorted {
		switch {
		case i > 0 && (!end.IsValid() || p.Addr().Less(end)):
			continue // within the one before
		case i > 0 && p.Addr() == end:
			list = list[:len(list)-1]
		default:
			list = append(list, nftables.SetElement{Key: p.Addr().AsSlice()})
		}
		if end = last(p).Next(); end.IsValid() {
			list = append(list, nftables.SetElement{Key: end.AsSlice(), IntervalEnd: true})
		}
	}
	return list
}

// last returns the last address of a prefix.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// A table is one of a gateway, as the kernel has it.
type table struct {
	name   string
	bounds [][]bound // by family
	whole  bool      // its chain and its rules are there
}

// A bound is where the addresses of a set begin, or where they have ended.
type bound struct {
	addr netip.Addr
	end  bool
}

func boundsOf(list []nftables.SetElement) (bounds []bound) {
	for _, e := range list {
		a, ok := netip.AddrFromSlice(e.Key)
		if ok && (!e.IntervalEnd || !a.IsUnspecified()) { // nft says so where a set begins
			bounds = append(bounds, bound{a, e.IntervalEnd})
		}
	}
	slices.SortFunc(bounds, func(x, y bound) int {
		if c := x.addr.Compare(y.addr); c != 0 {
			return c
		}
		if x.end {
			return -1
		}
		return 1
	})
	return bounds
}

// has reports whether the table drops what is for an address.
func (t *table) has(a netip.Addr) bool {
	if !t.whole {
		return false
	}
	for i, f := range families() {
		if !f.isOfSet(netip.PrefixFrom(a, a.BitLen())) {
			continue
		}
		within := false
		for _, b := range t.bounds[i] {
			if a.Less(b.addr) {
				break
			}
			within = !b.end
		}
		return within
	}
	return false
}

// is reports whether the table is as setRules makes it.
func (t *table) is(vips []netip.Prefix) bool {
	if t == nil || !t.whole {
		return false
	}
	for i, f := range families() {
		if !slices.Equal(t.bounds[i], boundsOf(elements(vips, f.isOfSet))) {
			return false
		}
	}
	return true
}

// tables returns those of gateways.
func tables() (list []*table, err error) {
	c, err := nftables.New()
	if err != nil {
		return nil, err
	}
	all, err := c.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return nil, err
	}
	for _, t := range all {
		if t.Name == tableName || strings.HasPrefix(t.Name, tableName+"/") {
			found, err := read(c, t)
			if err != nil {
				return nil, err
			}
			list = append(list, found)
		}
	}
	return list, nil
}

func read(c *nftables.Conn, t *nftables.Table) (*table, error) {
	found := &table{name: t.Name}
	chain, err := c.ListChain(t, chainName)
	if err == nil && chain.Hooknum != nil && *chain.Hooknum == *nftables.ChainHookPrerouting {
		rules, err := c.GetRules(t, chain)
		if err != nil {
			return nil, err
		}
		found.whole = len(rules) == ruleCount || t.Name == tableName
	}
	for _, f := range families() {
		var bounds []bound
		set, err := c.GetSetByName(t, f.set)
		if err == nil {
			elements, err := c.GetSetElements(set)
			if err != nil {
				return nil, err
			}
			bounds = boundsOf(elements)
		}
		found.bounds = append(found.bounds, bounds)
	}
	return found, nil
}

// removeRules deletes a table, if it is there.
func removeRules(name string) error {
	c, err := nftables.New()
	if err != nil {
		return err
	}
	c.DelTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: name})
	return unless(c.Flush(), unix.ENOENT)
}
