//! Where a mail of the corpus is read otherwise than mail-parser reads it: mail, field, and why ours is taken.

const BYTES: &str = "A text file's bytes stay in their own character set, so that its digest is that of the file; mail-parser converts them.";
const CHARSET: &str = "Where a character set gives characters that it does not have, or is said to be ASCII and is not, the reading that loses least is taken.";
const CODED: &str = "A file's bytes are what its encoding gives, also where that is broken or unpadded; mail-parser then keeps them encoded.";
const EMPTY: &str = "An empty line at the end of a multipart is no part.";
const FIRST: &str =
    "Of a field that comes twice the first counts, which is the newest; mail-parser takes the last.";
const FORMS: &str = "A further form of the same text is a file; mail-parser joins the forms.";
const HEADLESS: &str = "Lines that are no header are text; mail-parser drops them.";
const INNER: &str = "An inner part that is not ended ends with its outer one, and what follows is read; mail-parser takes the rest for a file.";
const LATIN: &str =
    "Bytes in a header that are no UTF-8 are Latin-1, as mailparse has it; mail-parser loses them.";
const MISSING: &str = "A boundary is a whole line: what merely begins with one belongs to the text.";
const NAMED: &str = "A text with a name is a file.";
const ODD: &str = "What is no id is not taken for one.";
const TWICE: &str = "A header that says the same thing twice, differently, says what comes first.";
const UTF8: &str = "Bytes that are UTF-8 and are said to be something else, or nothing, are read as UTF-8 where that loses nothing.";
const WHOLE: &str = "A multipart without a part, or whose boundary is not said or does not occur, is the text that it holds; mail-parser makes it a file, or nothing.";
const WITHIN: &str = "A mail within the mail ends before the line of the next boundary; mail-parser lets it end later, or counts what follows to it.";

pub const DIFFERENCES: &[(&str, &str, &str)] = &[
    ("cpython/msg_04.txt", "files", NAMED),
    ("cpython/msg_04.txt", "text", NAMED),
    ("cpython/msg_14.txt", "files", WHOLE),
    ("cpython/msg_14.txt", "text", WHOLE),
    ("cpython/msg_15.txt", "files", CODED),
    ("cpython/msg_17.txt", "files", WHOLE),
    ("cpython/msg_17.txt", "text", WHOLE),
    ("cpython/msg_19.txt", "text", HEADLESS),
    ("cpython/msg_25.txt", "files", WHOLE),
    ("cpython/msg_25.txt", "text", WHOLE),
    ("cpython/msg_31.txt", "files", WHOLE),
    ("cpython/msg_31.txt", "text", WHOLE),
    ("cpython/msg_35.txt", "text", HEADLESS),
    ("cpython/msg_38.txt", "files", INNER),
    ("cpython/msg_38.txt", "text", INNER),
    ("cpython/msg_39.txt", "files", INNER),
    ("cpython/msg_41.txt", "files", WHOLE),
    ("cpython/msg_41.txt", "text", WHOLE),
    ("cpython/msg_42.txt", "files", WITHIN),
    ("cpython/msg_44.txt", "text", NAMED),
    ("cpython/msg_47.txt", "html", HEADLESS),
    ("cpython/msg_47.txt", "text", HEADLESS),
    ("mail-parser/legacy__010.eml", "subject", LATIN),
    ("mail-parser/legacy__020.eml", "subject", LATIN),
    ("mail-parser/legacy__022.eml", "subject", LATIN),
    ("mail-parser/legacy__023.eml", "files", BYTES),
    ("mail-parser/legacy__026.eml", "files", BYTES),
    ("mail-parser/legacy__027.eml", "subject", LATIN),
    ("mail-parser/legacy__045.eml", "files", BYTES),
    ("mail-parser/legacy__047.eml", "files", BYTES),
    ("mail-parser/legacy__052.eml", "subject", LATIN),
    ("mail-parser/legacy__052.eml", "text", UTF8),
    ("mail-parser/malformed__001.eml", "files", WHOLE),
    ("mail-parser/malformed__001.eml", "text", WHOLE),
    ("mail-parser/malformed__002.eml", "files", WHOLE),
    ("mail-parser/malformed__002.eml", "text", WHOLE),
    ("mail-parser/malformed__003.eml", "files", WHOLE),
    ("mail-parser/malformed__003.eml", "text", WHOLE),
    ("mail-parser/malformed__004.eml", "files", WHOLE),
    ("mail-parser/malformed__004.eml", "text", WHOLE),
    ("mail-parser/malformed__006.eml", "files", WHOLE),
    ("mail-parser/malformed__006.eml", "text", WHOLE),
    ("mail-parser/malformed__007.eml", "files", WHOLE),
    ("mail-parser/malformed__008.eml", "files", INNER),
    ("mail-parser/malformed__008.eml", "html", INNER),
    ("mail-parser/malformed__009.eml", "files", INNER),
    ("mail-parser/malformed__009.eml", "text", INNER),
    ("mail-parser/malformed__011.eml", "files", INNER),
    ("mail-parser/malformed__011.eml", "text", INNER),
    ("mail-parser/malformed__012.eml", "files", WITHIN),
    ("mail-parser/malformed__016.eml", "files", MISSING),
    ("mail-parser/malformed__016.eml", "text", MISSING),
    ("mail-parser/malformed__019.eml", "date", FIRST),
    ("mail-parser/malformed__019.eml", "files", TWICE),
    ("mail-parser/malformed__019.eml", "text", TWICE),
    ("mail-parser/malformed__020.eml", "html", TWICE),
    ("mail-parser/malformed__020.eml", "text", TWICE),
    ("mail-parser/malformed__021.eml", "html", TWICE),
    ("mail-parser/malformed__021.eml", "text", TWICE),
    ("mail-parser/rfc__000.eml", "files", CODED),
    ("mail-parser/rfc__007.eml", "files", FORMS),
    ("mail-parser/rfc__007.eml", "text", FORMS),
    ("mail-parser/rfc__008.eml", "files", WITHIN),
    ("mail-parser/thirdparty__000.eml", "files", FORMS),
    ("mail-parser/thirdparty__000.eml", "text", FORMS),
    ("mail-parser/thirdparty__001.eml", "files", FORMS),
    ("mail-parser/thirdparty__001.eml", "text", FORMS),
    ("mail-parser/thirdparty__002.eml", "files", FORMS),
    ("mail-parser/thirdparty__002.eml", "text", FORMS),
    ("mail-parser/thirdparty__005.eml", "text", MISSING),
    ("mail-parser/thirdparty__015.eml", "files", WITHIN),
    ("mikel-mail/attachment_emails__attachment_message_rfc822_inline_image.eml", "files", EMPTY),
    ("mikel-mail/error_emails__bad_date_header2.eml", "files", WHOLE),
    ("mikel-mail/error_emails__content_transfer_encoding_empty.eml", "html", CHARSET),
    ("mikel-mail/error_emails__content_transfer_encoding_plain.eml", "text", CHARSET),
    ("mikel-mail/error_emails__empty_in_reply_to.eml", "files", WHOLE),
    ("mikel-mail/error_emails__invalid_subject_characters.eml", "subject", LATIN),
    ("mikel-mail/error_emails__missing_body.eml", "files", WHOLE),
    ("mikel-mail/error_emails__multiple_content_types.eml", "html", TWICE),
    ("mikel-mail/error_emails__multiple_content_types.eml", "text", TWICE),
    ("mikel-mail/error_emails__must_supply_encoding.eml", "files", WHOLE),
    ("mikel-mail/mime_emails__raw_email4.eml", "files", MISSING),
    ("mikel-mail/mime_emails__raw_email4.eml", "text", MISSING),
    ("mikel-mail/mime_emails__raw_email_with_binary_encoded.eml", "subject", FIRST),
    ("mikel-mail/mime_emails__raw_email_with_multipart_mixed_quoted_boundary.eml", "subject", FIRST),
    ("mikel-mail/plain_emails__raw_email6.eml", "text", UTF8),
    ("mikel-mail/rfc2822__example13.eml", "message-id", ODD),
];
