"""What is kept between runs: projects (PROJECT.md), bookmarks, preferences."""
