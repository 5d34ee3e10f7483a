// An empty module. Its import takes the time that Node needs to load one module.
