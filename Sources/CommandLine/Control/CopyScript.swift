import FoundationEssentials
import Shell

/// What ends the bytes of a copy that came whole. A copy that was cut lacks it.
struct CopyProof: Sendable {
    let nonce: String

    init(nonce: String = UUID().uuidString.replacing("-", with: "").lowercased()) { self.nonce = nonce }

    /// The nonce, a space and twenty digits.
    static let length = 53

    /// What is sent behind `count` bytes once their source said that these are all.
    func trailer(_ count: Int) -> [UInt8] {
        let digits = String(count)
        return Array("\(nonce) \(String(repeating: "0", count: 20 - digits.count))\(digits)".utf8)
    }

    /// Of what is not whole yet.
    var part: String { ".part-" + nonce.prefix(8) }
}

/// What the two ends of a copy run, here as on a VM: one prints the bytes, the other puts them in their place. A line each, for login
/// shells that want no more.
enum CopyScript {
    /// Ends that the scripts choose. `.said`: the reason stands on standard error. `.cut`: not all came, and nothing was replaced.
    enum Status: Int32 { case said = 91, cut = 92 }

    /// Prints the file, or the folder as tar. Only a regular file is read: nothing waits for the other end of a FIFO.
    static func give(_ place: CopyPlace, isFolder: Bool) -> String {
        let kind =
            isFolder
            ? [#"[ -d "$d" ] || say " is no folder: copy it without -r""#]
            : [#"if [ -d "$d" ]; then say " is a folder: copy it with -r"; fi"#, #"[ -f "$d" ] || say " is no regular file""#]
        // `m` is what a program said: its last words are the reason.
        let read = isFolder ? #"tar -C "$d" -cf - . || say ": not all of it could be read""# : #"m=$(cat "$d" 2>&1 >&3) || because "$m""#
        return script(place, [#"m=$(ls -d "$d" 2>&1 >/dev/null) || because "$m""#] + kind + ["exec 3>&1", read])
    }

    /// Puts the bytes of standard input where `place` says: in the folder that is there, under the source's `name`, or under that name.
    /// It goes on to its end when we are killed: then it takes away what it made.
    static func take(_ place: CopyPlace, name: String, isFolder: Bool, mode: String, proof: CopyProof) -> String {
        let begin = [
            "trap '' INT TERM HUP QUIT", "set -C", #"if [ -d "$d" ]; then d=${d%/}/\#(quoted(name)); n=${n%/}/\#(quoted(name)); fi"#,
            #"clean() { if [ -n "$t" ]; then find "$t" -type d -exec chmod u+rwx {} + ; rm -rf "$t"; fi 2>/dev/null; }"#, "t=",
            "trap clean EXIT",
        ]
        return script(place, begin + (isFolder ? folder(proof) : file(mode, proof)))
    }

    /// Beside its place until it is whole; a link to a file is followed.
    private static func file(_ mode: String, _ proof: CopyProof) -> [String] {
        [
            #"if [ -L "$d" ]; then d=$(readlink -f "$d") && [ -f "$d" ] || say " is a link, and to no regular file"; fi"#,
            #"if [ -d "$d" ]; then say " is a folder"; fi"#,
            #"if [ -e "$d" ]; then [ -f "$d" ] || say " is there, and no regular file"; fi"#,
            #"case $d in */) say " is no folder that is there";; esac"#,
            "t=$d\(proof.part)", "umask 077", #"m=$( { cat > "$t"; } 2>&1 ) || because "$m""#,
            #"size=$(($(wc -c < "$t") - \#(CopyProof.length)))"#,
            #"[ "$(tail -c \#(CopyProof.length) "$t" | tr -d '\000')" = "\#(proof.nonce) $(printf %020d $size)" ] || exit \#(Status.cut.rawValue)"#,
            #"m=$( { truncate -s $size "$t" && chmod \#(mode) "$t" && sync "$t" && mv -f -T "$t" "$d"; } 2>&1 ) || because "$m""#,
        ]
    }

    /// Unpacked aside until the end of all is proved. What is there already is joined with it, file by file.
    private static func folder(_ proof: CopyProof) -> [String] {
        [
            #"while [ "${d%/}" != "$d" ]; do d=${d%/}; done"#,
            #"if [ -d "$d" ]; then t=$d/\#(proof.part); elif [ -e "$d" ] || [ -L "$d" ]; then say " is there, and no folder"; else t=$d\#(proof.part); fi"#,
            #"m=$( { mkdir -p "$(dirname "$d")" && mkdir -m 700 "$t" "$t/new"; } 2>&1 ) || because "$m""#,
            // tar must not take the proof along, nor end before all is read: its status, and what came last.
            #"s=$( { { tee /dev/fd/3 | { tar -C "$t/new" --no-same-owner --no-same-permissions -xf - ; printf '%s ' $? >&4; cat > /dev/null; }; } "#
                + #"3>&1 >&4 | tail -c \#(CopyProof.length) | tr -d '\000'; } 4>&1 )"#,
            #"case $s in *" \#(proof.nonce) "*) ;; *) exit \#(Status.cut.rawValue);; esac"#,
            // tar does not say that a disk is full when it still took a part.
            #"case $s in "0 "*) ;; *) m=$( { head -c 100000 /dev/zero > "$t/more"; } 2>&1 ) || because "$m"; "#
                + #"say ": not all of it could be written";; esac"#,
            #"if [ -d "$d" ]; then \#(join); else m=$(mv -T "$t/new" "$d" 2>&1) || because "$m"; fi"#,
        ]
    }

    /// Only a regular file is replaced, and a link by a link.
    private static let join =
        #"(D=$(cd "$d" && pwd); export D n; cd "$t/new" && find . -exec sh -c 'for f; do o=$D/$f; if [ -L "$f" ]; then [ -L "$o" ] || [ -f "$o" ]; "#
        + #"elif [ -d "$f" ]; then [ -d "$o" ] && [ ! -L "$o" ]; else [ -f "$o" ] && [ ! -L "$o" ]; fi || { [ ! -e "$o" ] && [ ! -L "$o" ]; } || { "#
        + #"printf "exedev-ctl: %s/%s is there, and of another kind\n" "$n" "${f#./}" >&2; exit 1; }; done' sh {} +) || exit \#(Status.said.rawValue); "#
        + #"m=$(cp -a -l -f "$t/new/." "$d/" 2>&1) || because "$m""#

    private static func script(_ place: CopyPlace, _ lines: [String]) -> String {
        let begin = [
            "LC_ALL=C", "export LC_ALL", "n=\(quoted(place.shown))", "d=\(quoted(place.unambiguous))",
            #"say() { printf 'exedev-ctl: %s%s\n' "$n" "$1" >&2; exit \#(Status.said.rawValue); }"#,
            // A program that says nothing was ended with the copy.
            #"because() { if [ -n "$1" ]; then say ": ${1##*: }"; fi; exit \#(Status.cut.rawValue); }"#,
        ]
        return (begin + lines).joined(separator: "; ")
    }
}
