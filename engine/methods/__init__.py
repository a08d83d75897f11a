"""How techniques are carried out: the half that needs torch, apart from the light fields and estimates."""
