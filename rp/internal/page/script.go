package page

// What the library's own pages run. Their hashes stand in the Content-Security-Policy.
const (
	// AtOnce is the script of a Form that is sent as soon as the page is there.
	AtOnce = `document.getElementById('tandem-next').submit()`

	// keepScript puts the form into the tab, and then says so. Where that fails the page
	// says that nothing was taken.
	keepScript = `try{const g=e=>document.getElementById("tandem-"+e),s=g("sealed");sessionStorage.setItem("tandem-posted",s.value);` +
		`g("lost").hidden=true;g("kept").hidden=false;g("on").href=s.dataset.link}catch{}`
	// FromTab is the script of a Form whose field comes out of the tab again.
	FromTab = `{const k="tandem-posted",f=document.getElementById("tandem-next");try{const v=sessionStorage.getItem(k);if(v){sessionStorage.removeItem(k);` +
		`f.elements.sealed.value=v;f.submit()}else f.remove()}catch{f.remove()}}`
	// followScript is Follow's.
	followScript = `const to=new URL(location.href),{user}=document.currentScript.dataset;` +
		`if(user)to.searchParams.set("sent_user",user);to.searchParams.set("fragment",to.hash.slice(1));to.hash="";location.replace(to)`
)
