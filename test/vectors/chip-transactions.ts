/**
 * Whole transactions of chips, from random keys, cards and terminals: the cryptogram, the issuer's answer to it and each command for the
 * card, as knovichikhin/pyemv computes them (its classes for CVN 10, 18, 22, M/Chip 16 and 17 agree with its parts, which the other
 * profiles are put together from).
 */
import type { ChipProfileName, ScriptCommand } from '../../src/keys/hsm-chip.ts';

export interface ChipTransaction {
  readonly profile: ChipProfileName;
  readonly masterKeyOption: 'A' | 'B';
  readonly pan: string;
  readonly panSequence: string;
  readonly keys: Readonly<Record<'imk-ac' | 'imk-smi' | 'imk-smc', string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly cardStatusUpdate: string;
  /** Tag 91 for response code 00 or the card status update. */
  readonly response: string;
  readonly pin: string;
  /** Of each of the commands. */
  readonly sequence: number;
  readonly commands: Readonly<Record<ScriptCommand['command'], string>>;
}

export const chipTransactions: readonly ChipTransaction[] = [
  {
    profile: 'visa-cvn10', masterKeyOption: 'A', pan: '0709983975699001', panSequence: '00',
    keys: { 'imk-ac': 'D9673DF8572C15EC3D1A46CD58F4C715', 'imk-smi': '0461E607F2A4B9CBEAEA2C5D5238B398', 'imk-smc': 'B60867BA1ABC0B4A683B3EC18FCE1316' },
    tags: {
      '9F02': '645415F26F84', '9F03': 'D4797B28B1CB', '9F1A': 'E600', '95': '1AB6D46541', '5F2A': 'FA5C', '9A': '39AF72', '9C': '34',
      '9F37': '725A337F', '82': '4BEC', '9F36': '7494',
      '9F10': '06970AB2BE0835',
      '9F26': '69AD415572CE7003',
    },
    cardStatusUpdate: '1B5A9B7D', response: '6FB2D0552274DD7F3030', pin: '1234', sequence: 0,
    commands: {
      applicationBlock: '841E000008CFF0EC9A08C460C0', applicationUnblock: '8418000008B1C62E2E51658438',
      pinUnblock: '84240000086FE77A1DE2B04FD0',
      pinChange: '84240002185B8A4935F093F03173B7E29B63427B8894F0D8F44F16625D',
    },
  },
  {
    profile: 'visa-cvn10', masterKeyOption: 'A', pan: '3336424092880403172', panSequence: '10',
    keys: { 'imk-ac': '89BAB6854F973102370E7C3BA1E08519', 'imk-smi': '1AEF071C319DF8D07591DC79B9B910A2', 'imk-smc': 'D6CDE34C1661D9989B018320F84FCB1C' },
    tags: {
      '9F02': 'FA4BCEF64AB9', '9F03': 'EA009227A6C2', '9F1A': '05D9', '95': 'B46A810264', '5F2A': 'D8AC', '9A': '4E15C8', '9C': '5E',
      '9F37': '16EA4AD0', '82': 'A2D7', '9F36': 'A3C9',
      '9F10': '06830AEF3547F5E66283EBA7A73DA2B6B32F019FA6BB5C',
      '9F26': '83FF3E69D9C4AA16',
    },
    cardStatusUpdate: '445BBAFE', response: '96AEB2DC52A459573030', pin: '123456', sequence: 2,
    commands: {
      applicationBlock: '841E00000870651832E14DCA9D', applicationUnblock: '8418000008E6893B482C1B23F4',
      pinUnblock: '8424000008DE26D24A20593CA7',
      pinChange: '8424000218567C026903B856A1C63ED3365E1FB90F4F3F45E823A2A3B4',
    },
  },
  {
    profile: 'visa-cvn14', masterKeyOption: 'A', pan: '1032157530692963', panSequence: '14',
    keys: { 'imk-ac': '403134168075D6159D254A1308ECD6EA', 'imk-smi': '23B0FDD3CB836D291C07A4D3D50257EF', 'imk-smc': 'B325AE102A678970540B51A1A8EF927F' },
    tags: {
      '9F02': '8D96477F6BDB', '9F03': 'DCAF5DAE0238', '9F1A': 'A33B', '95': '42C4DA2B29', '5F2A': '7B31', '9A': '254ABB', '9C': '75',
      '9F37': 'EBE41759', '82': 'F194', '9F36': 'CE9E',
      '9F10': '06360E9400F777',
      '9F26': 'F877115056CC9741',
    },
    cardStatusUpdate: '5207E6F8', response: 'E583AC4DE33A6DC83030', pin: '9876', sequence: 0,
    commands: {
      applicationBlock: '841E000008CEC40A647D79AACD', applicationUnblock: '84180000086603C409122E9A27',
      pinUnblock: '842400000875F584FEAA0D6ADE',
      pinChange: '842400021804F3861D09E24BC8E8EFCFF67A9BEF787CB8FC34C75A8968',
    },
  },
  {
    profile: 'visa-cvn14', masterKeyOption: 'A', pan: '7562421140503', panSequence: '10',
    keys: { 'imk-ac': '1CA2C2ECF494A4BAD5FD6E6BCD9DEF80', 'imk-smi': '04752C15FEC1C23704E92C6ECB0B1F91', 'imk-smc': '68685B4C6B64A2D9070443CB7545208F' },
    tags: {
      '9F02': '2C7E92800F64', '9F03': 'F38EB51073BE', '9F1A': '933B', '95': '073CE7C34D', '5F2A': 'F0F2', '9A': '9D3649', '9C': 'A5',
      '9F37': '7500DA9E', '82': '2279', '9F36': '2BF8',
      '9F10': '06B60E523B50FE4723B1',
      '9F26': 'F4B1607A2BF3D00C',
    },
    cardStatusUpdate: '7C05264B', response: 'F5F884BBB43A806A3030', pin: '00000', sequence: 1,
    commands: {
      applicationBlock: '841E0000085CF40AE0483C4518', applicationUnblock: '84180000087C4BB9CA2220D607',
      pinUnblock: '842400000801A3D1AF7D6CFDAB',
      pinChange: '84240002185AEDC3F1E250606C7F7DE440D1981221CCC290114259AC02',
    },
  },
  {
    profile: 'visa-cvn17', masterKeyOption: 'A', pan: '1319041746243699', panSequence: '57',
    keys: { 'imk-ac': '1A8AEA4F51CE51578A92208C1C13F8F4', 'imk-smi': 'DF8C0E62A87C04375B5EE0236B0175F8', 'imk-smc': '83E3DCA475CEB9BAECCDE66B4F07E3FB' },
    tags: {
      '9F02': '703EE8E289DE', '9F03': '6CEC25DAEE2B', '9F1A': 'A0A8', '95': 'DF72F7D32E', '5F2A': '858A', '9A': 'C40995', '9C': '33',
      '9F37': '79318A22', '82': '8E55', '9F36': '2781',
      '9F10': '069F114A7D95F3',
      '9F26': 'B5A34B19564ED38D',
    },
    cardStatusUpdate: '2A5A020F', response: 'E5DC022BE84EE3143030', pin: '1357', sequence: 0,
    commands: {
      applicationBlock: '841E000008B198B78A090CA899', applicationUnblock: '8418000008567DEF8BC82D9DDE',
      pinUnblock: '8424000008D16D365173E5B795',
      pinChange: '84240002184610FB72E254B07803A61985F6A5894C8E770AA84DA3DD50',
    },
  },
  {
    profile: 'visa-cvn18', masterKeyOption: 'A', pan: '6285189493451318', panSequence: '35',
    keys: { 'imk-ac': '8C408A98FE23ADF2AB9BDA670D6D4689', 'imk-smi': 'EA4FF1F8EA7F8F627F29165B436EEACE', 'imk-smc': 'D52A6D5D94D60D61CE439831254AA494' },
    tags: {
      '9F02': 'B2FD2FBBEF35', '9F03': '7561E0A8E1D6', '9F1A': '9959', '95': '9FA76B196E', '5F2A': 'DFBC', '9A': '3F236C', '9C': '6E',
      '9F37': '62F726EC', '82': '2FAA', '9F36': 'EFC7',
      '9F10': '06FD12A566673A',
      '9F26': 'BC425B0BC1483C86',
    },
    cardStatusUpdate: 'C67F757E', response: 'C00712DBC67F757E', pin: '2468', sequence: 0,
    commands: {
      applicationBlock: '841E000008F91E420EB52A6804', applicationUnblock: '841800000857579DFBFE4546A8',
      pinUnblock: '84240000086BCEF8AF80217FE5',
      pinChange: '8424000218AF8AF1DCD2B694CFFA08E1606C982C8B4225C148971D9DEE',
    },
  },
  {
    profile: 'visa-cvn18', masterKeyOption: 'B', pan: '5951643184555995485', panSequence: '40',
    keys: { 'imk-ac': 'C1A4EF20FE62C8DA388FEAEC4032F457', 'imk-smi': 'D30D8A9E9B8F205E7A49676819AE5820', 'imk-smc': '6B894A922AB376C7735D5E23321C7C3E' },
    tags: {
      '9F02': '227CB564C4BA', '9F03': '2C53DA7E97F7', '9F1A': '7EAF', '95': 'BCC30389C8', '5F2A': 'BB80', '9A': '6535F9', '9C': '3A',
      '9F37': '6865D419', '82': 'FBC0', '9F36': '0508',
      '9F10': '062C12913C4D7A9D03CCCB270772339277FC27C2578F3E037112DD',
      '9F26': '3E4E81B8710EF43A',
    },
    cardStatusUpdate: 'D0D1B491', response: '68BE98A1D0D1B491', pin: '123456789012', sequence: 3,
    commands: {
      applicationBlock: '841E0000084C394D604CB9E572', applicationUnblock: '841800000891144DA7A1EFC3EC',
      pinUnblock: '8424000008F5915BB2470A282F',
      pinChange: '842400021874C4C2D3563509056196968222A2E967F855D11467FF89BA',
    },
  },
  {
    profile: 'visa-cvn22', masterKeyOption: 'A', pan: '7901561591329415', panSequence: '87',
    keys: { 'imk-ac': 'B66425B5046DF4D65D19898A858083AD', 'imk-smi': '32317A43ECA82FDF31372625E9CDFD89', 'imk-smc': 'D3FD73CDFEA1B9DC75AB9DF7A89262DC' },
    tags: {
      '9F02': '4B119C877B1D', '9F03': 'CD5B30020F7D', '9F1A': 'C944', '95': 'E5C9C73743', '5F2A': '6FCB', '9A': 'EED1A0', '9C': '7C',
      '9F37': '7D9435CA', '82': '5E62', '9F36': '1DC6',
      '9F10': '1F22D138C7DE6F846F2CB631EF9C63E106656AB38CA906CC430EECD2991EE7ED',
      '9F26': 'C94FB0C99D65121A',
    },
    cardStatusUpdate: '4555A621', response: '6FC1E8654555A621', pin: '5555', sequence: 0,
    commands: {
      applicationBlock: '841E000008138CA458CB3E3781', applicationUnblock: '84180000082345EE2D788AD366',
      pinUnblock: '84240000086B452FB71F2FEFE7',
      pinChange: '8424000218A593AD14F3598A90FE075C68A17B061A8C4903B898CA288A',
    },
  },
  {
    profile: 'visa-cvn22', masterKeyOption: 'B', pan: '983935839773240666', panSequence: '35',
    keys: { 'imk-ac': '67CEBC43D373B95886048937C2DA5DF7', 'imk-smi': 'C43DA401571AD6A2AD162AC754E6B50D', 'imk-smc': 'EC20D9B3C7F1ECC423432920B5EAF8C7' },
    tags: {
      '9F02': '5B38FA7C2790', '9F03': '3257BE44AF84', '9F1A': '1FD6', '95': 'B7DD32ECB0', '5F2A': 'EF51', '9A': '801AA1', '9C': '0D',
      '9F37': 'E0C08204', '82': '35CF', '9F36': 'F7D6',
      '9F10': '1F2228E7705AE3E775A0B6BFD3FBC59A1F32753D9CB9D42009CA5C6B493CE7E3',
      '9F26': '5AD0A8D4A36CFCAC',
    },
    cardStatusUpdate: 'C1BCAFA3', response: '43A12AAAC1BCAFA3', pin: '808080', sequence: 1,
    commands: {
      applicationBlock: '841E000008DFEBF90BCFDB7101', applicationUnblock: '84180000085041CE7605CA5A65',
      pinUnblock: '842400000825067856A54C613F',
      pinChange: '8424000218A54AABA5FA0E5A3D9484A05D772759C4EE7F39E7BCA3FF3B',
    },
  },
  {
    profile: 'mastercard-cvn16', masterKeyOption: 'A', pan: '6305146665697883', panSequence: '89',
    keys: { 'imk-ac': '51C710019251A14367F237EA6D9E204A', 'imk-smi': '466EB61AE5D9DFC13E3DFD3E1AC4E5D6', 'imk-smc': 'C14AD904D58F8C1F10836D381579EA83' },
    tags: {
      '9F02': '41704DF1A7B3', '9F03': '3788CB2E31FF', '9F1A': 'EB23', '95': 'A4789156FE', '5F2A': 'E0E7', '9A': '7E007C', '9C': 'AD',
      '9F37': '607E424B', '82': '6C96', '9F36': 'AE32',
      '9F10': '181090E40284BAB1995EA6FC77E167BB6CD1',
      '9F26': '24F4DDA01108DD87',
    },
    cardStatusUpdate: '6769DCF8', response: '6E6B0F21D514E6C00012', pin: '4321', sequence: 0,
    commands: {
      applicationBlock: '841E0000085BBE60083518ABFC', applicationUnblock: '8418000008CB7F6E79B7C1FFEE',
      pinUnblock: '84240000087DF2CE0DCC6C662D',
      pinChange: '84240002101E1DD4194F05CF2B3C5964309B161D73',
    },
  },
  {
    profile: 'mastercard-cvn16', masterKeyOption: 'A', pan: '8787662500540558817', panSequence: '17',
    keys: { 'imk-ac': '852602ABC80D8397137C9D8AC1BAF492', 'imk-smi': 'A7D66E46B320495E329468D93DD51564', 'imk-smc': '5EEAE938CD4FAE628968E543F1DC4975' },
    tags: {
      '9F02': 'F2871519C6CA', '9F03': '8EB30022614D', '9F1A': 'D977', '95': 'A2BF7383AD', '5F2A': '7106', '9A': '86BA10', '9C': '60',
      '9F37': 'FFF124CC', '82': '62B1', '9F36': '3FD8',
      '9F10': '38103FFB469D9B128110847B208CD02F9EF82A28A76DBC9CF8D8841D',
      '9F26': '1EB20D7D0A0AA0B1',
    },
    cardStatusUpdate: 'C6A8BC03', response: '706F67D571CF29B00012', pin: '654321', sequence: 2,
    commands: {
      applicationBlock: '841E0000080886F7D080F43F87', applicationUnblock: '84180000088F2510347B284C63',
      pinUnblock: '8424000008BF90950916CF4A5F',
      pinChange: '8424000210DA3466ACE807119EEB17660232E4864B',
    },
  },
  {
    profile: 'mastercard-cvn17', masterKeyOption: 'A', pan: '4992355177497509', panSequence: '64',
    keys: { 'imk-ac': 'CD2668CBA2CEC4F123EAE50EB64F68EF', 'imk-smi': 'DAABBC753D2C2AB3A27025F8D532BA4A', 'imk-smc': '08AD2C67E38094B946298004B66E5BD5' },
    tags: {
      '9F02': '29D300F218AC', '9F03': 'F93F3DFC4813', '9F1A': '9D52', '95': '0CF4A389BC', '5F2A': 'B57E', '9A': '2235EC', '9C': 'FC',
      '9F37': 'B95FCCC3', '82': 'F280', '9F36': '5130',
      '9F10': '2211C9246A1F6170A9B919CDBA285624C4B230EC',
      '9F26': '0AFBE8C000F4F9F4',
    },
    cardStatusUpdate: '6541D96A', response: '10B2C840EE7DE1D50012', pin: '1111', sequence: 0,
    commands: {
      applicationBlock: '841E000008D5CE7F18C9DAFE30', applicationUnblock: '84180000089E8583AA430869B1',
      pinUnblock: '8424000008FF2222C83BBE7EB9',
      pinChange: '84240002109421326081B03EF7A00A1FF1D6629D16',
    },
  },
  {
    profile: 'mastercard-cvn17', masterKeyOption: 'A', pan: '0431896791085189', panSequence: '12',
    keys: { 'imk-ac': 'E902B60726D56D98572315F1EC9BC17A', 'imk-smi': '01BADF08578C028A0E808AD62CBA3ED6', 'imk-smc': 'FE5770A73D89AD7562CD49C16497298F' },
    tags: {
      '9F02': 'D906CE529720', '9F03': '01FD0783B3A2', '9F1A': 'D58F', '95': '0C03D87A66', '5F2A': '01C1', '9A': '430912', '9C': 'C9',
      '9F37': '1CF46D21', '82': '4C9A', '9F36': 'E691',
      '9F10': '0E11F2920C6CFA3A3C246875FC994F667D973342B37D95C33A13',
      '9F26': '0885AEC9511A82BA',
    },
    cardStatusUpdate: '497323B0', response: '492FBECA68F286100012', pin: '222222', sequence: 1,
    commands: {
      applicationBlock: '841E00000883FCCC3F76265B54', applicationUnblock: '84180000084EA4084813897A6E',
      pinUnblock: '84240000084D0FCBC14E9846F5',
      pinChange: '842400021087F781E7ACD27DCE29A948F4A5745FCE',
    },
  },
  {
    profile: 'emv-common', masterKeyOption: 'A', pan: '5828264400055298', panSequence: '79',
    keys: { 'imk-ac': '54B5E93EF731F77651DA9751D526DA1C', 'imk-smi': 'ADFE29029D378C83B3E94A010462FB94', 'imk-smc': '8C07BC262504D976495B3DAEDCE3D5F8' },
    tags: {
      '9F02': '65E18AE83886', '9F03': 'D03BC4BFA4BD', '9F1A': '2A5F', '95': '2D186B706E', '5F2A': '1E16', '9A': '9C7CBB', '9C': 'FF',
      '9F37': '809A0E9F', '82': 'B9AB', '9F36': 'F924',
      '9F10': 'E0D747C89749996C8C2C85446C2E32816E37AE79A1469A9A25F501B2D53F0B85',
      '9F26': '2F7EF9018F00CB64',
    },
    cardStatusUpdate: '1B33140C', response: 'E073368C1B33140C', pin: '7777', sequence: 0,
    commands: {
      applicationBlock: '841E000008854D9FF125995D56', applicationUnblock: '841800000835874F87DEAB5BA3',
      pinUnblock: '8424000008A0A4BFD7CC69FEF3',
      pinChange: '8424000218157377CD3E982C1E3EE3E9B707384DDAFA9339AAC570EBBE',
    },
  },
  {
    profile: 'emv-common', masterKeyOption: 'B', pan: '32370373009698000', panSequence: '24',
    keys: { 'imk-ac': '1C13C8F7E0BC3B949837BADA61BF9202', 'imk-smi': 'E6D3A7519D043B4083161CDAAD347075', 'imk-smc': '6B9B9BBA0B80839E4C108AD913A41C70' },
    tags: {
      '9F02': '1AEC2D889514', '9F03': '9C4135330B84', '9F1A': '5CFE', '95': '6EFFF699FC', '5F2A': 'E704', '9A': '264238', '9C': '3D',
      '9F37': 'B185A381', '82': '5E5C', '9F36': '7EA3',
      '9F10': 'F8CA61B5BF9B0DBF42B61295C9C309B2FC015D9A6424C6D884C492AE24F32E2F',
      '9F26': '2FB0CB72E7B6B4B0',
    },
    cardStatusUpdate: '2D2856FD', response: '966B0F932D2856FD', pin: '77777777', sequence: 0,
    commands: {
      applicationBlock: '841E00000861B47861AD08C9D0', applicationUnblock: '8418000008EA21B04AF47AE9FC',
      pinUnblock: '8424000008BA0F7DDE89DA8182',
      pinChange: '8424000218B3AF402B31495D94E29CDBB984ACE823CDC8F4D59571C7D5',
    },
  },
];
