package main

func Example() {
	main()
	// Output:
	// 0s flow 3 to b placed
	// 1s flow 3 to b pinned
	// 1s flow 6 to c placed
	// 2m0s flow 3 to a moved
	// 0 flows left at b: remove it
}
