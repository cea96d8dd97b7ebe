"""Storage between runs: projects (PROJECT.md), bookmarks, preferences; writing of text files."""
