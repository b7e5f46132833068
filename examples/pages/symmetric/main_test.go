package main

func Example() {
	main()
	// Output:
	// 331 of 1000 replies meet their firewall: SrcAddr|DstAddr|Proto|SrcPort|DstPort
	// 1000 of 1000 replies meet their firewall: SrcAddr|DstAddr|Proto|SrcPort|DstPort|Symmetric
}
