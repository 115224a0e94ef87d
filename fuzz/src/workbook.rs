//! A small workbook as text, and its parts as a zip archive without compression, so that damage to
//! a part reaches the parser of that part.

/// The parts of a workbook of one sheet and two rows with all kinds of cells: a line with the name
/// of the part between lines of dashes, then its text.
pub const WORKBOOK: &str = "--- xl/workbook.xml\n\
    <workbook xmlns:r=\"r\"><workbookPr/><sheets><sheet name=\"A\" sheetId=\"1\" r:id=\"rId1\"/>\
    </sheets></workbook>\n\
    --- xl/_rels/workbook.xml.rels\n\
    <Relationships><Relationship Id=\"rId1\" Target=\"worksheets/sheet1.xml\"/></Relationships>\n\
    --- xl/styles.xml\n\
    <styleSheet><numFmts><numFmt numFmtId=\"164\" formatCode=\"[h]:mm:ss\"/></numFmts><cellXfs>\
    <xf numFmtId=\"0\"/><xf numFmtId=\"22\"/><xf numFmtId=\"164\"/></cellXfs></styleSheet>\n\
    --- xl/sharedStrings.xml\n\
    <sst><si><t>Number</t></si><si><t>Opened</t></si><si><r><t>Prio</t></r><r><t>rity</t></r>\
    <rPh><t>x</t></rPh></si><si><t>INC1 &amp; co</t></si></sst>\n\
    --- xl/worksheets/sheet1.xml\n\
    <worksheet><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" t=\"s\"><v>1</v>\
    </c><c r=\"C1\" t=\"s\"><v>2</v></c><c r=\"D1\" t=\"inlineStr\"><is><t>Hold</t></is></c></row>\
    <row r=\"2\"><c r=\"A2\" t=\"s\"><v>3</v></c><c r=\"B2\" s=\"1\"><v>45660.5</v></c><c r=\"C2\">\
    <v>2</v></c><c r=\"D2\" s=\"2\"><v>1.25</v></c></row></sheetData></worksheet>";

/// A zip archive of stored parts.
pub fn stored(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    let wide = |n: usize| u32::try_from(n).unwrap().to_le_bytes();
    let narrow = |n: usize| u16::try_from(n % (1 << 16)).unwrap().to_le_bytes();
    for (name, bytes) in parts {
        let local = out.len();
        let mut check = flate2::Crc::new();
        check.update(bytes);
        let mut common = Vec::new();
        common.extend_from_slice(&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        common.extend_from_slice(&check.sum().to_le_bytes());
        common.extend_from_slice(&wide(bytes.len()));
        common.extend_from_slice(&wide(bytes.len()));
        common.extend_from_slice(&narrow(name.len()));
        common.extend_from_slice(&[0, 0]);
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&common);
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(bytes);
        directory.extend_from_slice(b"PK\x01\x02\x14\x00");
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&[0; 10]);
        directory.extend_from_slice(&wide(local));
        directory.extend_from_slice(name.as_bytes());
    }
    let start = out.len();
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&narrow(parts.len()));
    out.extend_from_slice(&narrow(parts.len()));
    out.extend_from_slice(&wide(directory.len()));
    out.extend_from_slice(&wide(start));
    out.extend_from_slice(&[0, 0]);
    out
}
