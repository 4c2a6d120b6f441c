"""Live samples: who watches which meter, what hubs are asked for it, and the way to each viewer."""
