/**
 * Key blocks with their sources, restated. `clearData` is what is encrypted in the block: length, key and filling.
 */

export interface KeyBlockVector {
  readonly source: string;
  readonly protectionKey: string;
  readonly block: string;
  readonly key: string;
  readonly clearData: string;
}

const psec = 'the tests of knovichikhin/psec (test_tr31)';
const tr31 = 'TR-31:2018, annex A.7, in the tests of openemv/tr31';
const x9143 = 'ANSI X9.143:2021, clause 8, in the tests of openemv/tr31';
const payShield = 'made by a Thales payShield 10k, in the tests of openemv/tr31';
const chhil = 'the tests of chhil/TR31Keyblock';

export const keyBlockVectors: readonly KeyBlockVector[] = [
  {
    source: psec,
    protectionKey: 'AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBB',
    block: 'B0096M3TC00E0000D578DACC2286C7D10F20DEA88799CA8A2F44E0CC21226A2158D5DC8FD5C78E621327DA956C678808',
    key: 'CCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDD',
    clearData: '0080CCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDDC0E25D146D4AA03856CBAA622745',
  },
  {
    source: psec,
    protectionKey: 'AAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBCCCCCCCCCCCCCCCC',
    block: 'C0088M3TC00E000091FA4978279FD9C218BDCBE9CC62F11A182F828406B67AC61B5573748FCF348FD59FA93A',
    key: 'CCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDD',
    clearData: '0080CCCCCCCCCCCCCCCCDDDDDDDDDDDDDDDD6A031EB415860472A30269D70034',
  },
  {
    source: tr31,
    protectionKey: '89E88CF7931444F334BD7547FC3F380C',
    block: 'A0072P0TE00E0000F5161ED902807AF26F1D62263644BD24192FDB3193C730301CEE8701',
    key: 'F039121BEC83D26B169BDCD5B22AAF8F',
    clearData: '0080F039121BEC83D26B169BDCD5B22AAF8F720DF563BB07',
  },
  {
    source: tr31,
    protectionKey: 'B8ED59E0A279A295E9F5ED7944FD06B9',
    block: 'C0096B0TX12S0100KS1800604B120F9292800000BFB9B689CB567E66FC3FEE5AD5F52161FC6545B9D60989015D02155C',
    key: 'EDB380DD340BC2620247D445F5B8D678',
    clearData: '0080EDB380DD340BC2620247D445F5B8D6788546A8ED98D1',
  },
  {
    source: tr31,
    protectionKey: '1D22BF32387C600AD97F9B97A51311AC',
    block: 'B0104B0TX12S0100KS1800604B120F9292800000BB68BE8680A400D9191AD4ECE45B6E6C0D21C4738A52190E248719E24B433627',
    key: 'E8BC63E5479455E26577F715D587FE68',
    clearData: '0080E8BC63E5479455E26577F715D587FE6830111D18CC4C',
  },
  {
    source: tr31,
    protectionKey: '88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6',
    block: 'D0112P0AE00E0000B82679114F470F540165EDFBF7E250FCEA43F810D215F8D207E2E417C07156A27E8E31DA05F7425509593D03A457DC34',
    key: '3F419E1CB7079442AA37474C2EFBF8B8',
    clearData: '00803F419E1CB7079442AA37474C2EFBF8B81C2965473CE206BB855B01533782',
  },
  {
    source: payShield,
    protectionKey: 'EFE0853B256B583D868F251CE99EA1D9',
    block: 'A0072K0TN00N0000F40D5672C6D0EC86F860BA88D44D00F0CA9A8CE8CD2F640287A9A9EB',
    key: '5DB50B454F8389ADCE573BE50861F2BF',
    clearData: '00805DB50B454F8389ADCE573BE50861F2BF89BC81604BDF',
  },
  {
    source: payShield,
    protectionKey: 'EFE0853B256B583D868F251CE99EA1D9',
    block: 'B0080K0TN00N00001C414014375212C24995E405B5EE052CB92B67F455EA2680F6751088F9F1C228',
    key: '5DB50B454F8389ADCE573BE50861F2BF',
    clearData: '00805DB50B454F8389ADCE573BE50861F2BFF786DF9F6A54',
  },
  {
    source: payShield,
    protectionKey: '4141414141414141414141414141414141414141414141414141414141414141',
    block: 'D0112B0TN00N000037DB9B046B7B0048785690759580ABC3B9842AB4BB7717B49E92528E575785D8123559376A2553B27BE94F054F4E971C',
    key: '1FA1F7CEC798D91545DA8AE0C7796BD9',
    clearData: '00801FA1F7CEC798D91545DA8AE0C7796BD96B58C03B829BF4CC37B8B93C17F6',
  },
  {
    source: payShield,
    protectionKey: '4141414141414141414141414141414141414141414141414141414141414141',
    block: 'D0144D0AN00N0000127862F945C2DED04530FAF7CDBC8B0BA10C7AA79BD5E0C2C5D6AC173BF588E4B19ACF1357178D50EA0AB193228E13958304FC6149632DFDCADF3A5B3D57E814',
    key: 'BE19E6A07A760F10EF8E83A226B63AAD141F463FDDD4F47DB244B4023EC3CACC',
    clearData: '0100BE19E6A07A760F10EF8E83A226B63AAD141F463FDDD4F47DB244B4023EC3CACC295FF17ED49FA896A5D945C176B7',
  },
  {
    source: x9143,
    protectionKey: '88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6',
    block: 'D0144P0AE00E00002C77FA3F4A553BED6E88AE5C172A4166E3D4ACA8E2AC71C158A476FAC12C13C3829DE55D3AB54C48F4C4FEF7AC75E90FC47F1B77E7B19A73ED46E64410082557',
    key: '3F419E1CB7079442AA37474C2EFBF8B8',
    clearData: '00803F419E1CB7079442AA37474C2EFBF8B81A87BBFA2CFE78D383E5F4C6AA83473C1C2965473CE206BB855B01533782',
  },
  {
    source: chhil,
    protectionKey: 'F039121BEC83D26B169BDCD5B22AAF8FF039121BEC83D26B',
    block: 'B0096P0TB00E0000362D6B7B5D73969D3560CB6EE142206A34C9A0D5736619868843D35054F36B11C1BFFAA30E1EFB5D',
    key: '260892192061C8760BDF235E1619B057B334FED0EFA74F32',
    clearData: '00C0260892192061C8760BDF235E1619B057B334FED0EFA74F32000000000000',
  },
  {
    source: chhil,
    protectionKey: '260892192061C8760BDF235E1619B057B334FED0EFA74F32',
    block: 'B0080P0TE00E00009AFD3EC2FB89B35F6CAE8889D7777611DFE04DA850A298BFD07667601FC01825',
    key: 'F039121BEC83D26B169BDCD5B22AAF8F',
    clearData: '0080F039121BEC83D26B169BDCD5B22AAF8F000000000000',
  },
  {
    source: chhil,
    protectionKey: 'F45185EADC5B799819DC8F4C3B58EC73',
    block: 'D0112P0TE00E000013B674A99811C18AB8BCFB26D347F8449E68FC074858D85DC452E43910CDC2A5E9BFE75DC94415EC0A82072217D04E35',
    key: '3F419E1CB7079442AA37474C2EFBF8B8',
    clearData: '00803F419E1CB7079442AA37474C2EFBF8B80000000000000000000000000000',
  },
  {
    source: chhil,
    protectionKey: '6BF89E64F80DBC70E9D6AEB03454E6544A67F725436E3BD3',
    block: 'D0112P0TE00E00004101636D69EDAA41ACA5596D662C3AAC23A14B4305C5D0A434476F50DD68BFDA0A4EB63DC27DB6DAEA0E6AC684BABDBE',
    key: '3F419E1CB7079442AA37474C2EFBF8B8',
    clearData: '00803F419E1CB7079442AA37474C2EFBF8B80000000000000000000000000000',
  },
];

/** Encryption and MAC key of a protection key, from the tests of openemv/tr31 (TR-31:2018, annex A.7). */
export const blockKeyVectors: readonly { readonly version: 'A' | 'B' | 'D'; readonly protectionKey: string; readonly encryption: string; readonly mac: string }[] = [
  { version: 'A', protectionKey: '89E88CF7931444F334BD7547FC3F380C', encryption: 'CCADC9B2D65101B671F83002B97A7D49', mac: 'C4A5C1BADE5909BE79F0380AB1727541' },
  { version: 'B', protectionKey: '1D22BF32387C600AD97F9B97A51311AC', encryption: 'BCE8E2AD5D4489FD0EA5236A884DAC58', mac: '1F9B2BDAF969C7B8B6C933AC7B9C6894' },
  { version: 'D', protectionKey: '88E1AB2A2E3DD38C1FA039A536500CC8A87AB9D62DC92C01058FA79F44657DE6', encryption: '396C9382A6E2E66A088774E1D6E46541F5EAD67D7204F8DD0D7AE8FDA334D3AC', mac: '4EF24317696213840451890756757E573E0673483888F9B7F9B7517827F95022' },
];

/** Headers as read and as written again with nothing behind them, from the tests of knovichikhin/psec (test_tr31). */
export const headerVectors: readonly { readonly text: string; readonly characters: number; readonly blocks: Readonly<Record<string, string>>; readonly written: string }[] = [
  { text: 'B0000P0TE00N0000xxxxxxxx', characters: 16, blocks: {}, written: 'B0016P0TE00N0000' },
  { text: 'D0000P0TE00N0100KS1800604B120F9292800000xxxxxxxx', characters: 40, blocks: { KS: '00604B120F9292800000' }, written: 'D0048P0TE00N0200KS1800604B120F9292800000PB080000' },
  { text: 'B0000P0TE00N0200KS1200604B120F9292PB0600', characters: 40, blocks: { KS: '00604B120F9292' }, written: 'B0040P0TE00N0200KS1200604B120F9292PB0600' },
  { text: 'D0000P0TE00N0200KS1200604B120F9292PB0600', characters: 40, blocks: { KS: '00604B120F9292' }, written: 'D0048P0TE00N0200KS1200604B120F9292PB0E0000000000' },
  { text: 'B0000P0TE00N0200KS00011600604B120F9292PB0A000000', characters: 48, blocks: { KS: '00604B120F9292' }, written: 'B0040P0TE00N0200KS1200604B120F9292PB0600' },
];

/** The protection key of what must be refused: sixteen bytes of 45. */
export const refusedProtectionKey = '45454545454545454545454545454545';

/** What must be refused, from the tests of knovichikhin/psec (test_tr31), with our sentence for it. A header alone stands for a block that begins so. */
export const keyBlockRefused: readonly { readonly text: string; readonly alone?: true; readonly fault: string }[] = [
  { text: 'B0040P0TE00N0000', fault: 'the key block has not the length that its header says' },
  { text: 'A0087M3TC00E000062C2C14D8785A01A9E8283525CA96F490D0CC6346FC7C2AC1E6FF354468910379AA5BBA', fault: 'the length of the key block is not a multiple of 8' },
  { text: 'A0088M3TC00E000062C2C14D8785A01A9E8283525CA96F490D0CC6346FC7C2AC1E6FF354468910379AA5BBAX', fault: 'the encrypted key or the MAC of the key block is not in upper-case hexadecimal' },
  { text: 'B0024M3TC00E00009AA5BBA6', fault: 'the key block has no encrypted key, or no whole MAC' },
  { text: 'D0032P0AE00E0000205FDF791C3548EC', fault: 'the key block has no encrypted key, or no whole MAC' },
  { text: 'B0088M3TC00E000062C2C14D8785A01A9E8283525CA96F490D0CC6346FC7C2AC1E6FF35X468910379AA5BBA6', fault: 'the encrypted key or the MAC of the key block is not in upper-case hexadecimal' },
  { text: 'C0024M3TC00E00009AA5BBA6', fault: 'the key block has no encrypted key, or no whole MAC' },
  { text: 'D0048P0AE00E00009B8F5C30BDD3A946205FDF791C3548EC', fault: 'the key block has no encrypted key, or no whole MAC' },
  { text: 'A0056M3TC00E0000BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB9AA5BBA6', fault: 'the MAC of the key block is wrong: it was changed, or is under another key' },
  { text: 'D0112P0AE00E0000DDF7B73888F22B757600010215895621B94A4E8DA57DD3E01BB66FF046A4E6B89B8F5C30BDD3A946205FDF791C3548E4', fault: 'the MAC of the key block is wrong: it was changed, or is under another key' },
  { text: 'A0056M3TC00E0000C6F4C83842160CBA48D98A1218862857124FAF46', fault: 'the key in the key block has no length in whole bytes' },
  { text: 'C0056M3TC00E0000F71573EB7441BB50A5C4511893AFB37B5B95A4AD', fault: 'the key in the key block has no length in whole bytes' },
  { text: 'C0056M3TC00E000001235EC22408B6CE866746FF992B8707FD7A26D2', fault: 'the key in the key block is said to be longer than the block' },
  { text: 'D0112P0AE00E00000DC02E4C2B63120403CC732FB1B17E6D44138E7C341AE7368DEAD6FB4673F25ECFD803F1101F701A7FE8BD3516D3D1BF', fault: 'the key in the key block is said to be longer than the block' },
  { text: 'B0000P0TE00N0100', alone: true, fault: 'the identifier of an optional block is not two letters or digits' },
  { text: 'B0000P0TE00N0100KS', alone: true, fault: 'the length of the optional block KS is not two hexadecimal digits' },
  { text: 'B0000P0TE00N0100KS02', alone: true, fault: 'the length of the optional block KS leaves no room for itself' },
  { text: 'B0000P0TE00N0100KS071', alone: true, fault: 'the optional block KS is longer than what is left' },
  { text: 'B0000P0TE00N0100KS00', alone: true, fault: "the length's length of the optional block KS is not two hexadecimal digits" },
  { text: 'B0000P0TE00N0100KS0000', alone: true, fault: "the length's length of the optional block KS is zero" },
  { text: 'B0000P0TE00N0100KS0001', alone: true, fault: 'the length of the optional block KS is not 2 hexadecimal digits' },
  { text: 'B0000P0TE00N0200KS04TT000101', alone: true, fault: 'the length of the optional block TT leaves no room for itself' },
  { text: 'B0000P0TE00N0100**04', alone: true, fault: 'the identifier of an optional block is not two letters or digits' },
  { text: '_0016P0TE00N0000', alone: true, fault: 'the version of the key block is none of A, B, C, D' },
  { text: 'B0016P_TE00N0000', alone: true, fault: 'the key usage is not two letters or digits' },
  { text: 'B0016P0_E00N0000', alone: true, fault: 'the algorithm is not a letter or digit' },
  { text: 'B0016P0T_00N0000', alone: true, fault: 'the mode of use is none that there is' },
  { text: 'B0016P0TE0_N0000', alone: true, fault: 'the key version is not two letters or digits' },
  { text: 'B0016P0TE00_0000', alone: true, fault: 'the exportability is none of E, N, S' },
];
