"""What is learned and what is said of a user, as data: targets, specs, bundles, tags. Imports features."""
