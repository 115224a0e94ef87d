#![no_main]

gainshare_fuzz::fuzz!("xml");
