"""What people must deal with: the rules that open incidents, and the incidents with all that belongs to them."""
