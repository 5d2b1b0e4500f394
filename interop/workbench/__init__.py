"""What analysts prove their mappings with: explain, and what runs it over many orders."""
