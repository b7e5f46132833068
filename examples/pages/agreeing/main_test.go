package main

func Example() {
	main()
	// Output:
	// agree: true
	// both: 10.0.0.1 10.0.0.1
}
