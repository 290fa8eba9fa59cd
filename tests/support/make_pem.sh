#!/bin/sh
# Makes the seeds of fuzz_pem, which test_pki.c reads too: certificates, requests and keys of every kind, by openssl.
# usage: make_pem.sh FOLDER. What is there is overwritten; the names say what is expected of them in test_pki.c.
set -eu
cd "$1"
quiet() { "$@" 2> /dev/null; }
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
make() { name=$1; shift; quiet openssl genpkey "$@" -out "$work/$name"; }
make rsa2048 -algorithm RSA -pkeyopt rsa_keygen_bits:2048
make rsa1024 -algorithm RSA -pkeyopt rsa_keygen_bits:1024
make rsa4096 -algorithm RSA -pkeyopt rsa_keygen_bits:4096
for curve in P-256 P-384 P-521 secp256k1; do make "$curve" -algorithm EC -pkeyopt "ec_paramgen_curve:$curve"; done
make explicit -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit
make ed25519 -algorithm ED25519
quiet openssl genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:2048 -out "$work/dsaparam"
quiet openssl genpkey -paramfile "$work/dsaparam" -out "$work/dsa"
make pss -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048

# requests
for k in rsa2048 rsa1024 P-256 P-384 P-521 secp256k1 explicit ed25519 dsa pss; do
    quiet openssl req -new -key "$work/$k" -subj "/CN=device/O=Example GmbH" -out "csr_$k.pem"
done
quiet openssl req -new -sha1 -key "$work/rsa2048" -subj "/CN=old" -out csr_sha1.pem
quiet openssl req -new -md5 -key "$work/rsa2048" -subj "/CN=older" -out csr_md5.pem
quiet openssl req -new -key "$work/P-256" -subj "/" -out csr_no_subject.pem
sed 's/CERTIFICATE REQUEST/NEW CERTIFICATE REQUEST/' csr_P-256.pem > csr_keytool.pem
# the key of one, the signature of another
/usr/bin/python3 - << 'END'
import base64, subprocess
der = bytearray(base64.b64decode("".join(open("csr_P-256.pem").read().split("\n")[1:-2])))
der[-1] ^= 1
body = base64.encodebytes(bytes(der)).decode()
open("csr_bad_signature.pem", "w").write(f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n")
END

# certificates, signed by themselves
cert() { name=$1 k=$2; shift 2; quiet openssl req -x509 -new -days 3650 -key "$work/$k" -subj "/C=DE/O=Mü & Söhne, GmbH/CN=$name" -utf8 -out "cert_$name.pem" "$@"; }
cert rsa2048 rsa2048 -sha256
cert rsa4096 rsa4096 -sha512
cert P-256 P-256
cert P-384 P-384 -sha384
cert P-521 P-521 -sha512
cert rsa1024 rsa1024
cert secp256k1 secp256k1
cert explicit explicit
cert ed25519 ed25519
cert sha1 rsa2048 -sha1
cert sha224 rsa2048 -sha224
cert pss_signed rsa2048 -sha256 -sigopt rsa_padding_mode:pss
cert pss_key pss
cert dsa dsa -sha256
openssl x509 -in cert_P-256.pem -text > cert_with_text.pem
tr -d '\n' < cert_P-256.pem | sed 's/-----BEGIN CERTIFICATE-----/&\n/; s/-----END/\n&/' > cert_one_line.pem
sed 's/$/\r/' cert_P-256.pem > cert_crlf.pem
cat cert_P-256.pem cert_rsa2048.pem > bad_two.pem
{ cat cert_P-256.pem; echo junk; } > bad_junk_behind.pem
{ cat "$work/P-256"; cat cert_P-256.pem; } > bad_key_before.pem
head -c 400 cert_rsa2048.pem > bad_cut.pem
sed '3s/./!/' cert_P-256.pem > bad_byte.pem
sed '3d' cert_P-256.pem > bad_line_gone.pem
sed 's/END CERTIFICATE/END CERTIFICATES/' cert_P-256.pem > bad_end.pem
sed 's/CERTIFICATE-----/TRUSTED CERTIFICATE-----/' cert_P-256.pem > bad_trusted.pem
printf 'not PEM at all' > bad_text.pem
printf -- '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n' > bad_empty.pem
/usr/bin/python3 - << 'END'
import base64
lines = open("cert_P-256.pem").read().split("\n")
der = base64.b64decode("".join(lines[1:-2])) + b"\0\0\0"
open("bad_der_longer.pem", "w").write(f"{lines[0]}\n{base64.encodebytes(der).decode()}-----END CERTIFICATE-----\n")
END

# authorities
quiet openssl req -x509 -new -days 3650 -key "$work/rsa2048" -subj "/CN=Root R" -addext keyUsage=critical,keyCertSign -out ca_rsa.pem
quiet openssl req -x509 -new -days 3650 -key "$work/P-256" -subj "/CN=Root E" -addext keyUsage=critical,digitalSignature -out ca_may_not_sign.pem
printf 'basicConstraints=critical,CA:FALSE\n' > "$work/leaf.cnf"
quiet openssl req -new -key "$work/P-384" -subj "/CN=leaf" -out "$work/leaf.csr"
quiet openssl x509 -req -in "$work/leaf.csr" -CA ca_rsa.pem -CAkey "$work/rsa2048" -set_serial 0x0a1b2c -days 3650 -sha256 -extfile "$work/leaf.cnf" -out leaf_of_ca_rsa.pem
quiet openssl x509 -req -in "$work/leaf.csr" -CA ca_rsa.pem -CAkey "$work/rsa2048" -set_serial 5 -days 3650 -sha256 -out leaf_version1.pem

# keys
openssl rsa -in "$work/rsa2048" -traditional -out key_pkcs1.pem 2> /dev/null
cp "$work/rsa2048" key_pkcs8.pem
openssl ec -in "$work/P-256" -out key_sec1.pem 2> /dev/null
openssl rsa -in "$work/rsa2048" -traditional -aes128 -passout pass:abcd -out key_old_encrypted.pem 2> /dev/null
openssl pkcs8 -topk8 -in "$work/P-256" -passout pass:abcd -out key_encrypted.pem
cp "$work/P-256" key_P-256.pem
