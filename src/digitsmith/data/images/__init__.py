"""Single images: decoded from files, ink and paper told apart, framed, and laid out in pictures."""
