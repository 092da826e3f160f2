package image

deny contains {"msg": sprintf("%s runs %s", [input.metadata.name, c.image]), "container": c.name} if {
	some c in input.spec.containers
}

warn contains message if {
	message := concat(" ", sort({input.metadata.name, input.kind}))
}
