import { seedSuite } from "./suite.ts";

seedSuite(1);
