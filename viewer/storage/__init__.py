"""What is kept between runs: projects (PROJECT.md), bookmarks, preferences; and how text files are written."""
