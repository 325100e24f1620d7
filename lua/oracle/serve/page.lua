local page = {}
function page.text() return "<!doctype html><title>oracle</title>" end
return page
