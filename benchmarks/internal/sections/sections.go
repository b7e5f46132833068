// Package sections reads texts that are kept as Markdown beside the code.
package sections

import "strings"

// Parse returns the paragraphs of each section of second level, by its heading.
// Lines of a paragraph are joined.
func Parse(markdown string) map[string][]string {
	found := map[string][]string{}
	for i, part := range strings.Split("\n"+markdown, "\n## ") {
		if i == 0 {
			continue // the title
		}
		heading, text, _ := strings.Cut(part, "\n")
		for p := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
			found[heading] = append(found[heading], strings.Join(strings.Fields(p), " "))
		}
	}
	return found
}
